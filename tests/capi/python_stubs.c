#include "tests/capi/python_stubs.h"

#include <string.h>

typedef struct {
  PyObject_VAR_HEAD
  char ob_sval[1];
} PyBytesObject;

/* The macro ends in a comma, which the formatter does not know. */
/* clang-format off */
static PyTypeObject PyBytes_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "bytes",
    .tp_basicsize = offsetof(PyBytesObject, ob_sval) + 1,
    .tp_itemsize = 1,
};
/* clang-format on */

PyObject* PyBytes_FromString(const char* text) {
  const size_t length = strlen(text);
  PyBytesObject* bytes = PyObject_NewVar(PyBytesObject, &PyBytes_Type, (Py_ssize_t)length);
  if (bytes == NULL) return PyErr_NoMemory();
  memcpy(bytes->ob_sval, text, length + 1);
  return (PyObject*)bytes;
}

const char* PyBytes_AsString(PyObject* bytes) { return ((PyBytesObject*)bytes)->ob_sval; }

int memory_errors = 0;

PyObject* PyErr_NoMemory(void) {
  ++memory_errors;
  return NULL;
}
