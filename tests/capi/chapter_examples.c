#include "tests/capi/chapter_examples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/capi/python_stubs.h"

void read_into(char* buf) { strcpy(buf, "some I/O"); }

PyObject* buffer_from_malloc(void) {
  PyObject* res;
  char* buf = (char*)malloc(BUFSIZ);

  if (buf == NULL) return PyErr_NoMemory();
  read_into(buf);
  res = PyBytes_FromString(buf);
  free(buf);
  return res;
}

PyObject* buffer_from_pymem_malloc(void) {
  PyObject* res;
  char* buf = (char*)PyMem_Malloc(BUFSIZ);

  if (buf == NULL) return PyErr_NoMemory();
  read_into(buf);
  res = PyBytes_FromString(buf);
  PyMem_Free(buf);
  return res;
}

PyObject* buffer_from_pymem_new(void) {
  PyObject* res;
  char* buf = PyMem_New(char, BUFSIZ);

  if (buf == NULL) return PyErr_NoMemory();
  read_into(buf);
  res = PyBytes_FromString(buf);
  PyMem_Del(buf);
  return res;
}

int three_buffers_released_rightly(void) {
  char* buf1 = PyMem_New(char, BUFSIZ);
  char* buf2 = (char*)malloc(BUFSIZ);
  char* buf3 = (char*)PyMem_Malloc(BUFSIZ);
  const int result = buf1 != NULL && buf2 != NULL && buf3 != NULL ? 0 : -1;

  if (result == 0) {
    read_into(buf1);
    read_into(buf2);
    read_into(buf3);
  }
  PyMem_Del(buf3);
  free(buf2);
  PyMem_Del(buf1);
  return result;
}

/* The compiler sees the mix-up too, if it is allowed to. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-dealloc"
#endif
void three_buffers_released_wrongly(size_t size) {
  char* buf1 = PyMem_New(char, size);
  char* buf2 = (char*)malloc(size);
  char* buf3 = (char*)PyMem_Malloc(size);

  PyMem_Del(buf3);
  free(buf2);
  free(buf1);
}
