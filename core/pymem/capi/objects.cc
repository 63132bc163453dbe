// Headers of objects, and objects from the obj domain.
#include "core/pymem/capi/pymem.h"

namespace {

// Bytes of an object with n items, in whole pointers. False: more than any request may have.
// CPython: _PyObject_VAR_SIZE.
bool object_bytes(const PyTypeObject& type, Py_ssize_t n, size_t& bytes) noexcept {
  constexpr size_t kPointer = sizeof(void*);
  if (n < 0) return false;
  if (__builtin_mul_overflow(static_cast<size_t>(n), static_cast<size_t>(type.tp_itemsize),
                             &bytes) ||
      __builtin_add_overflow(bytes, static_cast<size_t>(type.tp_basicsize) + kPointer - 1,
                             &bytes)) {
    return false;
  }
  bytes &= ~(kPointer - 1);
  return true;
}

}  // namespace

PyObject* PyObject_Init(PyObject* op, PyTypeObject* type) {
  if (op != nullptr) *op = {.ob_refcnt = 1, .ob_type = type};
  return op;
}

PyVarObject* PyObject_InitVar(PyVarObject* op, PyTypeObject* type, Py_ssize_t size) {
  if (op == nullptr) return nullptr;
  PyObject_Init(&op->ob_base, type);
  op->ob_size = size;
  return op;
}

PyObject* _PyObject_New(PyTypeObject* type) {
  return PyObject_Init(
      static_cast<PyObject*>(PyObject_Malloc(static_cast<size_t>(type->tp_basicsize))), type);
}

PyVarObject* _PyObject_NewVar(PyTypeObject* type, Py_ssize_t n) {
  size_t bytes = 0;
  if (!object_bytes(*type, n, bytes)) return nullptr;
  return PyObject_InitVar(static_cast<PyVarObject*>(PyObject_Malloc(bytes)), type, n);
}
