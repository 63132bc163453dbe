/* The examples of the memory management chapter of CPython's C API manual, each as a function. */
#pragma once

#include <pymemlab/pymem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What "some I/O" leaves in a buffer: at least 16 bytes. */
void read_into(char* buf);
/* As bytes objects: with the buffer from malloc, from PyMem_Malloc, from PyMem_New. */
PyObject* buffer_from_malloc(void);
PyObject* buffer_from_pymem_malloc(void);
PyObject* buffer_from_pymem_new(void);

/* Three buffers of BUFSIZ bytes, one of each kind, each released as it must be: 0, or -1 if there
 * is no memory. */
int three_buffers_released_rightly(void);
/* The same mixed up: ends in malloc's free of what is PyMem_New's. The `size` is the chapter's
 * BUFSIZ, or a small one. */
void three_buffers_released_wrongly(size_t size);

#ifdef __cplusplus
}
#endif
