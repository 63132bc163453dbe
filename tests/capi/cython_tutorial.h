/* The two programs of Cython's tutorial on memory allocation, as the C that they stand for. Where a
 * program raises MemoryError, its translation answers NULL or -1. */
#pragma once

#include <pymemlab/pymem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What Python's random and list are here: the next number of a fixed series, and an array of float
 * objects. */
double normalvariate(double mean, double deviation);
typedef struct {
  PyObject_HEAD
  double ob_fval;
} PyFloatObject;
typedef struct {
  PyObject_HEAD
  Py_ssize_t ob_size;
  PyFloatObject** ob_item;
} FloatList;
void FloatList_Dealloc(FloatList* list); /* NULL does nothing */

/* random_noise(number): a list of `number` floats, made in a buffer from malloc. */
FloatList* random_noise(int number);

/* cdef class SomeMemory: an array of doubles that lives as long as its owner. */
typedef struct {
  PyObject_HEAD
  double* data;
} SomeMemory;
SomeMemory* SomeMemory_New(size_t number);
int SomeMemory_Resize(SomeMemory* self, size_t new_number);
void SomeMemory_Dealloc(SomeMemory* self);

#ifdef __cplusplus
}
#endif
