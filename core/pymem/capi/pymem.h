/* CPython's memory API under CPython's own names, over one simulated interpreter a process.
 *
 *   PyMem_RawMalloc  PyMem_Malloc  PyObject_Malloc     PyMem_SetAllocator  PyMem_SetupDebugHooks
 *          |               |              |                     |                    |
 *          v               v              v                     v                    v
 *      record(raw)    record(mem)    record(obj)  <-- what is installed: context, four functions
 *          |               `------+-------'
 *          |                      v
 *        libc  <-- 0 or > 512 - pymalloc --> record(arena) --> mmap
 *
 * Code written against Python.h's memory functions compiles against this header and behaves as it
 * would in the CPython version (the profile) and the PYTHONMALLOC configuration that are asked for.
 * C11 and C++20; include this or Python.h, not both. Wherever this says nothing else, a function
 * behaves as CPython's of the same name. "CPython:" marks what is modelled where the name does not
 * say it, and every deliberate difference.
 *
 * First use. PyMemLab_Initialize chooses; without it the first call of any function below, but for
 * PyMemLab_Finalize and PyMemLab_LastError, does what PyMemLab_Initialize(NULL, NULL) does, and if
 * that fails writes why to stderr and ends the process with status 1, as CPython does.
 *
 * Ownership. A block belongs to who asked for it, until it is given to the free or realloc function
 * of the SAME domain. Everything else is undefined, and found by the debug hooks.
 *
 * Sizes are in bytes. Nothing sets errno or a Python exception.
 *
 * Threads. Raw functions: any thread, any time. mem, obj and everything else: the thread that holds
 * the GIL, unless a function says otherwise. The debug hooks of mem and obj check it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef Py_PYTHON_H
#error "pymemlab/pymem.h stands in for Python.h: include one of the two"
#endif

#if defined(__GNUC__)
#define PYMEMLAB_API __attribute__((visibility("default")))
#else
#define PYMEMLAB_API
#endif

/* Of an allocating function: which function frees its blocks. GCC 11 and later then warn, with
 * -Wall, where they see both ends of a mix-up of domains (-Wmismatched-dealloc). */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define PYMEMLAB_FREED_BY(function) __attribute__((malloc(function, 1)))
#else
#define PYMEMLAB_FREED_BY(function)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* NOLINTBEGIN(bugprone-reserved-identifier): CPython's names. */

/* A signed size. No request may be larger than PY_SSIZE_T_MAX bytes. */
typedef ptrdiff_t Py_ssize_t;
#define PY_SSIZE_T_MAX PTRDIFF_MAX
#define PY_SSIZE_T_MIN PTRDIFF_MIN

/* ---- The three domains ------------------------------------------------------------------------
 *
 * Malloc(size)           A block of `size` uninitialised bytes; for 0 one of its own, as if for 1.
 * Calloc(nelem, elsize)  The same for nelem * elsize bytes, all zero.
 * Realloc(ptr, size)     The block with its first min(old, new) bytes, at the old or a new address;
 *                        `ptr` is then dead. For NULL the same as Malloc. Never frees: a size of 0
 *                        leaves a block as if for 1.
 * Free(ptr)              Ends a live block of this domain. NULL does nothing.
 *
 * Errors: NULL if there is no memory, if `size` is above PY_SSIZE_T_MAX or if nelem * elsize is
 * (the installed allocator is then not asked); a block given to Realloc stays live and unchanged.
 * Alignment: PyMemLab_GetAlignment.
 */

/* raw: the C library's malloc unless replaced. Needs no GIL. */
PYMEMLAB_API void PyMem_RawFree(void* ptr);
PYMEMLAB_API void* PyMem_RawMalloc(size_t size) PYMEMLAB_FREED_BY(PyMem_RawFree);
PYMEMLAB_API void* PyMem_RawCalloc(size_t nelem, size_t elsize) PYMEMLAB_FREED_BY(PyMem_RawFree);
PYMEMLAB_API void* PyMem_RawRealloc(void* ptr, size_t size);

/* mem: buffers that belong to Python. pymalloc up to 512 bytes, raw above. */
PYMEMLAB_API void PyMem_Free(void* ptr);
PYMEMLAB_API void* PyMem_Malloc(size_t size) PYMEMLAB_FREED_BY(PyMem_Free);
PYMEMLAB_API void* PyMem_Calloc(size_t nelem, size_t elsize) PYMEMLAB_FREED_BY(PyMem_Free);
PYMEMLAB_API void* PyMem_Realloc(void* ptr, size_t size);

/* obj: objects. The same allocator and the same pools as mem. */
PYMEMLAB_API void PyObject_Free(void* ptr);
PYMEMLAB_API void* PyObject_Malloc(size_t size) PYMEMLAB_FREED_BY(PyObject_Free);
PYMEMLAB_API void* PyObject_Calloc(size_t nelem, size_t elsize) PYMEMLAB_FREED_BY(PyObject_Free);
PYMEMLAB_API void* PyObject_Realloc(void* ptr, size_t size);

/* ---- Typed macros over mem --------------------------------------------------------------------
 *
 * PyMem_New(TYPE, n)        A TYPE * to n uninitialised elements, or NULL, also if their bytes are
 *                           more than PY_SSIZE_T_MAX (a negative n is: it counts as unsigned).
 * PyMem_Resize(p, TYPE, n)  Reallocates and ASSIGNS to p, an lvalue: after a failure p is NULL and
 *                           the block still live, so keep a copy of p to free it by.
 * PyMem_Del(p)              PyMem_Free(p).
 *
 * n may be evaluated twice.
 */
#define PyMem_New(TYPE, n)                               \
  (((size_t)(n) > (size_t)PY_SSIZE_T_MAX / sizeof(TYPE)) \
       ? (TYPE*)NULL                                     \
       : (TYPE*)PyMem_Malloc((size_t)(n) * sizeof(TYPE)))
#define PyMem_Resize(p, TYPE, n)                               \
  ((p) = ((size_t)(n) > (size_t)PY_SSIZE_T_MAX / sizeof(TYPE)) \
             ? (TYPE*)NULL                                     \
             : (TYPE*)PyMem_Realloc((p), (size_t)(n) * sizeof(TYPE)))
#define PyMem_Del(p) PyMem_Free(p)

/* The names that CPython deprecates: the same functions and macros. */
#define PyMem_MALLOC(size) PyMem_Malloc(size)
#define PyMem_NEW(TYPE, n) PyMem_New(TYPE, n)
#define PyMem_REALLOC(ptr, size) PyMem_Realloc((ptr), (size))
#define PyMem_RESIZE(p, TYPE, n) PyMem_Resize(p, TYPE, n)
#define PyMem_FREE(ptr) PyMem_Free(ptr)
#define PyMem_DEL(ptr) PyMem_Free(ptr)

/* ---- Replacing allocators ---------------------------------------------------------------------
 */

/* In C++ the type is given, so that a number that is no domain is a value too, as it is in C. */
#ifdef __cplusplus
typedef enum : unsigned int {
#else
typedef enum {
#endif
  PYMEM_DOMAIN_RAW = 0, /* PyMem_RawMalloc and its kin: must work without the GIL */
  PYMEM_DOMAIN_MEM = 1,
  PYMEM_DOMAIN_OBJ = 2
} PyMemAllocatorDomain;

/* What serves a domain. Every function gets `ctx` first. It must give a distinct block, not NULL,
 * for zero bytes, must report failure by NULL, and must not call mem or obj functions. Blocks need
 * PyMemLab_GetAlignment's alignment wherever the program relies on it. */
typedef struct {
  void* ctx;
  void* (*malloc)(void* ctx, size_t size);
  void* (*calloc)(void* ctx, size_t nelem, size_t elsize);
  void* (*realloc)(void* ctx, void* ptr, size_t new_size);
  void (*free)(void* ctx, void* ptr);
} PyMemAllocatorEx;

/* Copies the domain's record to `*allocator`; five NULLs for a number that is no domain. */
PYMEMLAB_API void PyMem_GetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx* allocator);
/* Installs a copy of `*allocator`; it takes effect at once, also for what pymalloc asks of raw. A
 * number that is no domain is ignored. Where blocks of the domain are live, the new record must be
 * able to free them: forward to the old one. pymalloc's tables are blocks of raw, from the first
 * request of mem or obj to PyMemLab_Finalize. What `ctx` points to must outlive its use. No other
 * thread may be in the domain's functions meanwhile. */
PYMEMLAB_API void PyMem_SetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx* allocator);
/* Puts the debug hooks around each domain's record unless its outermost record is the hook already,
 * so twice in a row is as good as once. They cannot free what was allocated without them: call it
 * before the first request, or again after installing an allocator that does not forward. As in
 * CPython, calling it with a forwarding record on top of the hooks makes that record the inner
 * allocator of the very hook it forwards to: the next request recurses without end. */
PYMEMLAB_API void PyMem_SetupDebugHooks(void);

/* Where pymalloc's arenas come from. `alloc` gives `size` readable and writable bytes, or NULL: the
 * request is then served by raw. Sizes are multiples of 256 KiB; no alignment is needed, but a base
 * on a pool boundary (4 or 16 KiB) loses no pool. */
typedef struct {
  void* ctx;
  void* (*alloc)(void* ctx, size_t size);
  void (*free)(void* ctx, void* ptr, size_t size);
} PyObjectArenaAllocator;

PYMEMLAB_API void PyObject_GetArenaAllocator(PyObjectArenaAllocator* allocator);
/* Installs a copy. Arenas do not remember where they came from: those that exist are released
 * through the new record, at PyMemLab_Finalize at the latest. */
PYMEMLAB_API void PyObject_SetArenaAllocator(PyObjectArenaAllocator* allocator);

/* ---- Objects ------------------------------------------------------------------------------------
 *
 * As much of an object as its allocation needs: two or three words and a type with its sizes. There
 * are no exceptions here, so where CPython also raises MemoryError these only answer NULL.
 */

typedef struct _typeobject PyTypeObject;

typedef struct _object {
  Py_ssize_t ob_refcnt; /* 1 after PyObject_New; counting is the program's */
  PyTypeObject* ob_type;
} PyObject;

typedef struct {
  PyObject ob_base;
  Py_ssize_t ob_size; /* number of items */
} PyVarObject;

struct _typeobject {
  PyVarObject ob_base;
  const char* tp_name;
  Py_ssize_t tp_basicsize; /* bytes of an instance without items */
  Py_ssize_t tp_itemsize;  /* bytes of one item */
};

#define PyObject_HEAD PyObject ob_base;
#define PyObject_VAR_HEAD PyVarObject ob_base;
#define PyObject_HEAD_INIT(type) {1, (type)},
#define PyVarObject_HEAD_INIT(type, size) {PyObject_HEAD_INIT(type)(size)},
#define Py_REFCNT(op) (((PyObject*)(op))->ob_refcnt)
#define Py_TYPE(op) (((PyObject*)(op))->ob_type)
#define Py_SIZE(op) (((PyVarObject*)(op))->ob_size)

/* Fills in the header of memory that the caller allocated and answers it; NULL for NULL. */
PYMEMLAB_API PyObject* PyObject_Init(PyObject* op, PyTypeObject* type);
PYMEMLAB_API PyVarObject* PyObject_InitVar(PyVarObject* op, PyTypeObject* type, Py_ssize_t size);

/* PyObject_New(TYPE, type): a TYPE * to type->tp_basicsize bytes from obj with the header filled
 * in, the rest uninitialised. PyObject_NewVar(TYPE, type, n): the same with room for n items,
 * rounded up to whole pointers. NULL if there is no memory. Release with PyObject_Del or
 * PyObject_Free. CPython: does not check that n fits; here a negative n, or a size above
 * PY_SSIZE_T_MAX, is NULL. */
#define PyObject_New(TYPE, type) ((TYPE*)_PyObject_New(type))
#define PyObject_NewVar(TYPE, type, n) ((TYPE*)_PyObject_NewVar((type), (n)))
#define PyObject_Del(op) PyObject_Free(op)

/* What the two macros call. */
PYMEMLAB_API PyObject* _PyObject_New(PyTypeObject* type) PYMEMLAB_FREED_BY(PyObject_Free);
PYMEMLAB_API PyVarObject* _PyObject_NewVar(PyTypeObject* type, Py_ssize_t n)
    PYMEMLAB_FREED_BY(PyObject_Free);

/* ---- The GIL ------------------------------------------------------------------------------------
 *
 * A lock that knows its holder. The thread that initialises holds it from then on. Another thread
 * that uses mem or obj takes it first, which needs the holder to let go of it. Breaking these rules
 * (releasing what one does not hold, taking what one holds) aborts with a message.
 */

typedef struct _ts PyThreadState; /* has no members here: it only stands for "held it before" */
typedef enum { PyGILState_LOCKED, PyGILState_UNLOCKED } PyGILState_STATE;

/* Waits for the GIL unless the calling thread holds it. The answer is for PyGILState_Release, which
 * puts things back as they were. */
PYMEMLAB_API PyGILState_STATE PyGILState_Ensure(void);
PYMEMLAB_API void PyGILState_Release(PyGILState_STATE state);
/* 1 if the calling thread holds the GIL, else 0. */
PYMEMLAB_API int PyGILState_Check(void);

/* Releases the GIL, and takes it again with the answer. Must be held, or not held, before. */
PYMEMLAB_API PyThreadState* PyEval_SaveThread(void);
PYMEMLAB_API void PyEval_RestoreThread(PyThreadState* state);

/* Around a stretch of code that uses neither mem nor obj, so that other threads can. */
#define Py_BEGIN_ALLOW_THREADS \
  {                            \
    PyThreadState* _save;      \
    _save = PyEval_SaveThread();
#define Py_BLOCK_THREADS PyEval_RestoreThread(_save);
#define Py_UNBLOCK_THREADS _save = PyEval_SaveThread();
#define Py_END_ALLOW_THREADS   \
  PyEval_RestoreThread(_save); \
  }

/* ---- tracemalloc --------------------------------------------------------------------------------
 *
 * While it traces, it is the outermost record of all domains, and a failed check of the debug hooks
 * says where the block was allocated. There are no Python frames here: a program that wants
 * tracebacks says where it is with PyMemLab_EnterFrame.
 */

/* Tells of a block that was not allocated through the domains above. Any `domain` number; the
 * blocks above are in domain 0. A known (domain, ptr) gets the new size and traceback. 0: done. -1:
 * no memory to remember it. -2: not tracing. Threads: any, with or without the GIL, which Track
 * takes for itself, also while another thread stops tracing. CPython 3.6: _PyTraceMalloc_Track. */
PYMEMLAB_API int PyTraceMalloc_Track(unsigned int domain, uintptr_t ptr, size_t size);
/* Forgets it. 0 also if it was not known, -2: not tracing. Threads: as Track, and takes no GIL. */
PYMEMLAB_API int PyTraceMalloc_Untrack(unsigned int domain, uintptr_t ptr);

/* Starts, keeping up to `frames` frames a block; 0 also if it runs already, -1 with
 * PyMemLab_LastError for a number that the profile refuses. CPython: tracemalloc.start. */
PYMEMLAB_API int PyMemLab_TraceMallocStart(int frames);
/* Stops and forgets all traces. Puts back the records that Start found: what was installed on top
 * since is lost, as in CPython. CPython: tracemalloc.stop. */
PYMEMLAB_API void PyMemLab_TraceMallocStop(void);
/* Bytes asked for in all blocks traced now, and at most since the start. Either pointer may be
 * NULL. Zeros while not tracing. CPython: tracemalloc.get_traced_memory. */
PYMEMLAB_API void PyMemLab_GetTracedMemory(size_t* current, size_t* peak);

/* A line of the calling thread's modelled call stack; `filename` must outlive the frame. The
 * program owns the storage, usually a local variable, and may change `lineno` while the frame is
 * entered. `back` is the library's. */
typedef struct PyMemLab_Frame {
  const char* filename;
  int lineno;
  struct PyMemLab_Frame* back; /* the caller's frame */
} PyMemLab_Frame;

/* Enters a frame, and leaves the one entered last. In pairs, by one thread; no GIL needed. */
PYMEMLAB_API void PyMemLab_EnterFrame(PyMemLab_Frame* frame);
PYMEMLAB_API void PyMemLab_LeaveFrame(void);

/* Where the block was allocated, most recent call first: writes up to `capacity` frames, linked by
 * `back`, and answers how many there are; 0 for a block not traced. A block allocated outside of
 * any frame has one, "<unknown>", line 0. Names live until PyMemLab_Finalize. */
PYMEMLAB_API size_t PyMemLab_GetTraceback(unsigned int domain, uintptr_t ptr,
                                          PyMemLab_Frame* frames, size_t capacity);

/* ---- The simulated interpreter -----------------------------------------------------------------
 */

/* Makes the process's interpreter; the calling thread holds its GIL.
 *   profile       which CPython: "3.6", "3.7.3", "3.7", "3.8", ... "3.15", "3.15-hugepages", or
 *                 NULL for "3.14", the newest release.
 *   pythonmalloc  the value of PYTHONMALLOC ("pymalloc_debug", "" for none), of a release build;
 * NULL: the environment variable. PYTHONMALLOCSTATS, if set and not empty, makes it report to
 * stderr before each new arena and in PyMemLab_Finalize. 0: done. -1: a name is unknown, or there
 * is an interpreter already, also one made by first use; PyMemLab_LastError says it. Threads: any.
 * CPython: Py_Initialize. */
PYMEMLAB_API int PyMemLab_Initialize(const char* profile, const char* pythonmalloc);
/* Ends the interpreter, if there is one: tracing stops and arenas are released through the records
 * that stand. Blocks of mem and obj that pymalloc served are gone. So free every block before; the
 * next use starts afresh. No other thread may be in a function of this header. CPython:
 * Py_Finalize, which leaves the allocators usable. */
PYMEMLAB_API void PyMemLab_Finalize(void);
/* One sentence on why the calling thread's last failed call that answers -1 failed; "" if none has.
 * Valid until the next such call of the thread. */
PYMEMLAB_API const char* PyMemLab_LastError(void);

/* Writes what sys._debugmallocstats() does, without the free lists of types, in the profile's
 * words. 1: done. 0: neither pymalloc nor mimalloc is in use, or a foreign record hides it; nothing
 * was written. */
PYMEMLAB_API int PyMemLab_DebugMallocStats(FILE* out);
/* sys.getallocatedblocks(): blocks that mem and obj have live, however large. With mimalloc, those
 * of the calling thread; with neither, 0. */
PYMEMLAB_API Py_ssize_t PyMemLab_GetAllocatedBlocks(void);
/* The alignment in bytes that every block of the domain has, unless a program's own allocator
 * serves it: 16, but 8 where pymalloc's size classes are 8 bytes apart (mem and obj, 3.6 to 3.7.3)
 * or where mimalloc serves it. The same from initialisation to PyMemLab_Finalize. 0 for a number
 * that is no domain. */
PYMEMLAB_API size_t PyMemLab_GetAlignment(PyMemAllocatorDomain domain);
/* The profiles there are, oldest first, ended by NULL. */
PYMEMLAB_API const char* const* PyMemLab_ProfileNames(void);

/* NOLINTEND(bugprone-reserved-identifier) */

#ifdef __cplusplus
}
#endif
