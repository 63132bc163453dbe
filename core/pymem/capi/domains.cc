// The twelve functions of the three domains: one indirect call each, through the domain's record.
#include "core/pymem/capi/interpreter.h"

using pymemlab::Domain;
using pymemlab::capi::interpreter;

void* PyMem_RawMalloc(size_t size) { return interpreter().memory().malloc(Domain::raw, size); }

void* PyMem_RawCalloc(size_t nelem, size_t elsize) {
  return interpreter().memory().calloc(Domain::raw, nelem, elsize);
}

void* PyMem_RawRealloc(void* ptr, size_t size) {
  return interpreter().memory().realloc(Domain::raw, ptr, size);
}

void PyMem_RawFree(void* ptr) { interpreter().memory().free(Domain::raw, ptr); }

void* PyMem_Malloc(size_t size) { return interpreter().memory().malloc(Domain::mem, size); }

void* PyMem_Calloc(size_t nelem, size_t elsize) {
  return interpreter().memory().calloc(Domain::mem, nelem, elsize);
}

void* PyMem_Realloc(void* ptr, size_t size) {
  return interpreter().memory().realloc(Domain::mem, ptr, size);
}

void PyMem_Free(void* ptr) { interpreter().memory().free(Domain::mem, ptr); }

void* PyObject_Malloc(size_t size) { return interpreter().memory().malloc(Domain::obj, size); }

void* PyObject_Calloc(size_t nelem, size_t elsize) {
  return interpreter().memory().calloc(Domain::obj, nelem, elsize);
}

void* PyObject_Realloc(void* ptr, size_t size) {
  return interpreter().memory().realloc(Domain::obj, ptr, size);
}

void PyObject_Free(void* ptr) { interpreter().memory().free(Domain::obj, ptr); }
