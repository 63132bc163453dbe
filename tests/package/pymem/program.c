/* Three blocks in the configuration that PYTHONMALLOC names, then a report of where one went. */
#include <pymemlab/pymem.h>
#include <stdio.h>

int main(int argc, char** argv) {
  if (PyMemLab_Initialize(argc > 1 ? argv[1] : NULL, NULL) != 0) {
    fprintf(stderr, "%s\n", PyMemLab_LastError());
    return 2;
  }
  char* raw = (char*)PyMem_RawMalloc(10);
  double* mem = PyMem_New(double, 10);
  PyObject* obj = (PyObject*)PyObject_Malloc(sizeof(PyObject));
  if (raw == NULL || mem == NULL || obj == NULL) return 1;
  printf("allocated blocks: %td\n", PyMemLab_GetAllocatedBlocks());
  PyMemLab_DebugMallocStats(stdout);
  PyObject_Free(obj);
  PyMem_Resize(mem, double, 1000);
  PyMem_Del(mem);
  PyMem_RawFree(raw);
  PyMemLab_Finalize();
  return 0;
}
