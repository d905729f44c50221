/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbols.h - every function of libcuda.so.1 that this driver calls, in one table:
 * X(member of struct cuda_api, symbol in the library, parameters). All return a
 * CUresult, an int. Handles (contexts, streams, events, ...) are void *, devices
 * int, addresses uint64_t. All symbols exist since CUDA 11.4.
 */
#define CUDA_SYMBOLS(X)                                                                            \
	X(init, "cuInit", (unsigned int flags))                                                    \
	X(driver_version, "cuDriverGetVersion", (int *version))                                    \
	X(error_name, "cuGetErrorName", (int result, const char **name))                           \
	X(error_string, "cuGetErrorString", (int result, const char **text))                       \
	/* devices and contexts */                                                                 \
	X(device_count, "cuDeviceGetCount", (int *n))                                              \
	X(device_get, "cuDeviceGet", (int *dev, int index))                                        \
	X(device_name, "cuDeviceGetName", (char *name, int cap, int dev))                          \
	X(device_uuid, "cuDeviceGetUuid_v2", (unsigned char uuid[16], int dev))                    \
	X(device_bus_id, "cuDeviceGetPCIBusId", (char *id, int cap, int dev))                      \
	X(device_attribute, "cuDeviceGetAttribute", (int *value, int attribute, int dev))          \
	X(device_memory, "cuDeviceTotalMem_v2", (size_t * bytes, int dev))                         \
	X(ctx_retain, "cuDevicePrimaryCtxRetain", (void **ctx, int dev))                           \
	X(ctx_release, "cuDevicePrimaryCtxRelease_v2", (int dev))                                  \
	X(ctx_reset, "cuDevicePrimaryCtxReset_v2", (int dev))                                      \
	X(ctx_push, "cuCtxPushCurrent_v2", (void *ctx))                                            \
	X(ctx_pop, "cuCtxPopCurrent_v2", (void **ctx))                                             \
	/* memory */                                                                               \
	X(mem_info, "cuMemGetInfo_v2", (size_t * free_bytes, size_t * total))                      \
	X(mem_alloc, "cuMemAlloc_v2", (uint64_t * addr, size_t bytes))                             \
	X(mem_free, "cuMemFree_v2", (uint64_t addr))                                               \
	X(host_alloc, "cuMemHostAlloc", (void **host, size_t bytes, unsigned int flags))           \
	X(host_free, "cuMemFreeHost", (void *host))                                                \
	X(host_addr, "cuMemHostGetDevicePointer_v2",                                               \
	  (uint64_t * addr, void *host, unsigned int flags))                                       \
	X(copy, "cuMemcpyAsync", (uint64_t dst, uint64_t src, size_t bytes, void *stream))         \
	X(copy_in, "cuMemcpyHtoDAsync_v2",                                                         \
	  (uint64_t dst, const void *src, size_t bytes, void *stream))                             \
	X(copy_out, "cuMemcpyDtoHAsync_v2", (void *dst, uint64_t src, size_t bytes, void *stream)) \
	X(fill, "cuMemsetD8Async",                                                                 \
	  (uint64_t dst, unsigned char value, size_t bytes, void *stream))                         \
	/* streams, events, graphs */                                                              \
	X(stream_create, "cuStreamCreate", (void **stream, unsigned int flags))                    \
	X(stream_destroy, "cuStreamDestroy_v2", (void *stream))                                    \
	X(stream_query, "cuStreamQuery", (void *stream))                                           \
	X(stream_wait, "cuStreamWaitEvent", (void *stream, void *event, unsigned int flags))       \
	X(capture_begin, "cuStreamBeginCapture_v2", (void *stream, int mode))                      \
	X(capture_end, "cuStreamEndCapture", (void *stream, void **graph))                         \
	X(host_call, "cuLaunchHostFunc", (void *stream, void (*call)(void *), void *arg))          \
	X(event_create, "cuEventCreate", (void **event, unsigned int flags))                       \
	X(event_destroy, "cuEventDestroy_v2", (void *event))                                       \
	X(event_record, "cuEventRecord", (void *event, void *stream))                              \
	X(event_query, "cuEventQuery", (void *event))                                              \
	X(event_elapsed, "cuEventElapsedTime", (float *ms, void *from, void *to))                  \
	X(graph_instantiate, "cuGraphInstantiateWithFlags",                                        \
	  (void **exec, void *graph, unsigned long long flags))                                    \
	X(graph_launch, "cuGraphLaunch", (void *exec, void *stream))                               \
	X(graph_destroy, "cuGraphDestroy", (void *graph))                                          \
	X(graph_exec_destroy, "cuGraphExecDestroy", (void *exec))                                  \
	/* kernels */                                                                              \
	X(module_load, "cuModuleLoadData", (void **module, const void *image))                     \
	X(module_unload, "cuModuleUnload", (void *module))                                         \
	X(module_function, "cuModuleGetFunction",                                                  \
	  (void **function, void *module, const char *name))                                       \
	X(function_set, "cuFuncSetAttribute", (void *function, int attribute, int value))          \
	X(launch, "cuLaunchKernel",                                                                \
	  (void *function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,          \
	   unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared,  \
	   void *stream, void **params, void **extra))
