// The GIL under CPython's names.
#include "core/pymem/capi/interpreter.h"

using pymemlab::Gil;
using pymemlab::capi::interpreter;

PyGILState_STATE PyGILState_Ensure() {
  Gil& gil = interpreter().gil();
  if (gil.is_held_by_this_thread()) return PyGILState_LOCKED;
  gil.acquire();
  return PyGILState_UNLOCKED;
}

void PyGILState_Release(PyGILState_STATE state) {
  if (state == PyGILState_UNLOCKED) interpreter().gil().release();
}

int PyGILState_Check() { return interpreter().gil().is_held_by_this_thread() ? 1 : 0; }

PyThreadState* PyEval_SaveThread() {
  Gil& gil = interpreter().gil();
  gil.release();
  return reinterpret_cast<PyThreadState*>(&gil);
}

void PyEval_RestoreThread(PyThreadState* state) { reinterpret_cast<Gil*>(state)->acquire(); }
