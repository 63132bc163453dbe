#include "tests/capi/cython_tutorial.h"

#include <stdlib.h>

/* The macro ends in a comma, which the formatter does not know. */
/* clang-format off */
static PyTypeObject PyFloat_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "float",
    .tp_basicsize = sizeof(PyFloatObject),
};
static PyTypeObject FloatList_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "list",
    .tp_basicsize = sizeof(FloatList),
};
static PyTypeObject SomeMemory_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "SomeMemory",
    .tp_basicsize = sizeof(SomeMemory),
};
/* clang-format on */

double normalvariate(double mean, double deviation) {
  static unsigned state = 1;
  state = state * 1664525u + 1013904223u;
  return mean + deviation * ((double)(state >> 8) / (double)(1 << 24) - 0.5);
}

static PyFloatObject* PyFloat_FromDouble(double value) {
  PyFloatObject* number = PyObject_New(PyFloatObject, &PyFloat_Type);
  if (number != NULL) number->ob_fval = value;
  return number;
}

void FloatList_Dealloc(FloatList* list) {
  if (list == NULL) return;
  for (Py_ssize_t i = 0; i < list->ob_size; ++i) PyObject_Free(list->ob_item[i]);
  PyMem_Free(list->ob_item);
  PyObject_Free(list);
}

/* [x for x in array[:number]] */
static FloatList* list_of(const double* array, int number) {
  FloatList* list = PyObject_New(FloatList, &FloatList_Type);
  if (list == NULL) return NULL;
  list->ob_size = 0;
  list->ob_item = PyMem_New(PyFloatObject*, number);
  if (list->ob_item == NULL) goto failed;
  for (; list->ob_size < number; ++list->ob_size) {
    list->ob_item[list->ob_size] = PyFloat_FromDouble(array[list->ob_size]);
    if (list->ob_item[list->ob_size] == NULL) goto failed;
  }
  return list;
failed:
  FloatList_Dealloc(list);
  return NULL;
}

FloatList* random_noise(int number) {
  int i;
  FloatList* result;
  double* my_array = (double*)malloc((size_t)number * sizeof(double));
  if (!my_array) return NULL;

  for (i = 0; i < number; ++i) {
    PyFloatObject* ran = PyFloat_FromDouble(normalvariate(0, 1));
    if (ran == NULL) {
      result = NULL;
      goto finally;
    }
    my_array[i] = ran->ob_fval;
    PyObject_Free(ran);
  }
  result = list_of(my_array, number);

finally:
  free(my_array);
  return result;
}

/* __cinit__ */
SomeMemory* SomeMemory_New(size_t number) {
  SomeMemory* self = PyObject_New(SomeMemory, &SomeMemory_Type);
  if (self == NULL) return NULL;
  self->data = (double*)PyMem_Malloc(number * sizeof(double));
  if (!self->data) {
    SomeMemory_Dealloc(self);
    return NULL;
  }
  return self;
}

int SomeMemory_Resize(SomeMemory* self, size_t new_number) {
  double* mem = (double*)PyMem_Realloc(self->data, new_number * sizeof(double));
  if (!mem) return -1;
  self->data = mem;
  return 0;
}

/* __dealloc__, then the object itself. */
void SomeMemory_Dealloc(SomeMemory* self) {
  PyMem_Free(self->data);
  PyObject_Free(self);
}
