// What the real tracers are run on: a known sequence of calls to the C library, with sizes that
// nothing else asks for.
#include <mcheck.h>
#include <stdlib.h>

int main(void) {
  mtrace();
  void* volatile list = malloc(100003);
  void* volatile cells = calloc(7, 1009);
  list = realloc(list, 200003);
  void* volatile other = realloc(NULL, 5003);
  free(cells);
  void* aligned = NULL;
  int refused = posix_memalign(&aligned, 64, 3001);
  volatile size_t too_much = (size_t)-4096;
  void* volatile nothing = malloc(too_much);
  void* volatile same = realloc(other, too_much);
  free(nothing);
  free(same == NULL ? other : same);
  free(aligned);
  free(list);
  return refused;
}
