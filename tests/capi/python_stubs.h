/* The two functions of CPython that the chapter's examples call and the library does not have. */
#pragma once

#include <pymemlab/pymem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A bytes object with a copy of `text` and its NUL, or NULL. Release with PyObject_Del. */
PyObject* PyBytes_FromString(const char* text);
/* Where its bytes are. */
const char* PyBytes_AsString(PyObject* bytes);

/* Counts a MemoryError, and answers NULL to be returned. */
PyObject* PyErr_NoMemory(void);
extern int memory_errors;

#ifdef __cplusplus
}
#endif
