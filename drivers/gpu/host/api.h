/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - a vendor's library as the shared host code sees it: CUDA's driver API and HIP agree on
 * these calls, on the order and size of their parameters, and on the numbers below. Neither
 * vendor's headers are needed: a driver lists its library's names for the calls in symbols.h, and
 * gpu_api_bind() fills a struct gpu_api from them.
 */
#ifndef GPU_HOST_API_H
#define GPU_HOST_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Results and flags that have the same number in both. */
enum gpu_code {
	GPU_OK = 0,
	GPU_INVALID_VALUE = 1,
	GPU_OUT_OF_MEMORY = 2,
	GPU_NOT_INITIALIZED = 3,
	GPU_DEVICE_UNAVAILABLE = 46, /* CUDA alone: another process has it for itself */
	GPU_NO_DEVICE = 100,
	GPU_INVALID_DEVICE = 101,
	GPU_NO_BINARY_FOR_GPU = 209,
	GPU_PEER_UNSUPPORTED = 217,
	GPU_NOT_FOUND = 500,
	GPU_NOT_READY = 600,
	GPU_ILLEGAL_ADDRESS = 700,
	GPU_PEER_ENABLED = 704, /* already */
	GPU_TOO_MANY_PEERS = 711,
	GPU_NOT_SUPPORTED = 801,
};

enum {
	GPU_STREAM_NON_BLOCKING = 1,
	GPU_EVENT_NO_TIMING = 2,
	GPU_HOST_PORTABLE = 1,
	GPU_HOST_DEVICE_MAP = 2,
	GPU_CAPTURE_RELAXED = 2, /* this thread may allocate while a queue captures */
	GPU_POINTER_ORDINAL = 9, /* attribute of an address: its device */
};

/*
 * X(member, parameters). All return a result. Handles (streams, events, ...) are void *, devices
 * int, device addresses uint64_t, which is passed as a pointer is.
 */
#define GPU_CALLS(X)                                                                               \
	X(device_count, (int *n))                                                                  \
	X(device_get, (int *dev, int index))                                                       \
	X(device_name, (char *name, int cap, int dev))                                             \
	X(device_bus_id, (char *id, int cap, int dev))                                             \
	X(device_attribute, (int *value, int attribute, int dev))                                  \
	X(device_memory, (size_t * bytes, int dev))                                                \
	X(mem_info, (size_t * free_bytes, size_t * total))                                         \
	X(mem_alloc, (uint64_t * addr, size_t bytes))                                              \
	X(mem_free, (uint64_t addr))                                                               \
	X(host_alloc, (void **host, size_t bytes, unsigned int flags))                             \
	X(host_free, (void *host))                                                                 \
	X(host_addr, (uint64_t * addr, void *host, unsigned int flags))                            \
	X(pointer_attribute, (void *value, int attribute, uint64_t addr))                          \
	X(peer_can, (int *can, int dev, int peer))                                                 \
	X(copy, (uint64_t dst, uint64_t src, size_t bytes, void *stream))                          \
	X(copy_in, (uint64_t dst, const void *src, size_t bytes, void *stream))                    \
	X(copy_out, (void *dst, uint64_t src, size_t bytes, void *stream))                         \
	X(fill, (uint64_t dst, unsigned char value, size_t bytes, void *stream))                   \
	X(stream_create, (void **stream, unsigned int flags))                                      \
	X(stream_destroy, (void *stream))                                                          \
	X(stream_query, (void *stream))                                                            \
	X(stream_wait, (void *stream, void *event, unsigned int flags))                            \
	X(host_call, (void *stream, void (*call)(void *), void *arg))                              \
	X(host_callback,                                                                           \
	  (void *stream, void (*call)(void *, int, void *), void *arg, unsigned int flags))        \
	X(event_create, (void **event, unsigned int flags))                                        \
	X(event_destroy, (void *event))                                                            \
	X(event_record, (void *event, void *stream))                                               \
	X(event_query, (void *event))                                                              \
	X(event_elapsed, (float *ms, void *from, void *to))                                        \
	X(capture_begin, (void *stream, int mode))                                                 \
	X(capture_end, (void *stream, void **graph))                                               \
	X(graph_instantiate, (void **exec, void *graph, unsigned long long flags))                 \
	X(graph_launch, (void *exec, void *stream))                                                \
	X(graph_destroy, (void *graph))                                                            \
	X(graph_exec_destroy, (void *exec))                                                        \
	X(module_load, (void **module, const void *image))                                         \
	X(module_unload, (void *module))                                                           \
	X(module_function, (void **function, void *module, const char *name))                      \
	X(launch, (void *function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,  \
		   unsigned int block_x, unsigned int block_y, unsigned int block_z,               \
		   unsigned int shared, void *stream, void **params, void **extra))

#define GPU_CALL_NAME(member, params) const char *member;
#define GPU_CALL_MEMBER(member, params) int(*member) params;
struct gpu_names {
	GPU_CALLS(GPU_CALL_NAME)
};
struct gpu_api {
	void *lib;
	char runtime[40];      /* for people: "CUDA 13.0" */
	struct gpu_names name; /* "cuMemAlloc_v2", for messages */
	GPU_CALLS(GPU_CALL_MEMBER)
};
#undef GPU_CALL_NAME
#undef GPU_CALL_MEMBER

/* A function of the library, and where its address and its name go: offsets into the vendor's api. */
struct gpu_symbol {
	const char *symbol;
	size_t function;
	size_t name;   /* 0: nowhere */
	bool optional; /* NULL when the library has none */
};

/* Rows of a table of struct gpu_symbol, for a type whose first member is `struct gpu_api gpu`. */
#define GPU_SYMBOL(type, member, symbol, optional)                                                 \
	{ symbol, offsetof(type, gpu.member), offsetof(type, gpu.name.member), optional },
#define GPU_OWN_SYMBOL(type, member, symbol) { symbol, offsetof(type, member), 0, false },
#define GPU_OWN_OPTIONAL(type, member, symbol) { symbol, offsetof(type, member), 0, true },

/*
 * Fill `out`, which the symbols' offsets are of, from the library. The symbol that is missing, or
 * NULL when nothing is.
 */
const char *gpu_bind(void *lib, void *out, const struct gpu_symbol *symbols, size_t n);
/* The same for *api, from api->lib. */
const char *gpu_api_bind(struct gpu_api *api, const struct gpu_symbol *symbols, size_t n);

/* Takes what is not open too. The library itself stays mapped: threads of its own may be in it. */
void gpu_api_close(struct gpu_api *api);

#endif /* GPU_HOST_API_H */
