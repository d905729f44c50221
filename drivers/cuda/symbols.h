/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbols.h - every function of libcuda.so.1 that this driver calls. All return a CUresult, an
 * int, and exist since CUDA 11.4.
 *
 * CUDA_SYMBOLS: X(member of struct gpu_api, symbol), whose parameters are in drivers/gpu/host/api.h.
 */
#define CUDA_SYMBOLS(X)                                                                            \
	X(device_count, "cuDeviceGetCount")                                                        \
	X(device_get, "cuDeviceGet")                                                               \
	X(device_name, "cuDeviceGetName")                                                          \
	X(device_bus_id, "cuDeviceGetPCIBusId")                                                    \
	X(device_attribute, "cuDeviceGetAttribute")                                                \
	X(device_memory, "cuDeviceTotalMem_v2")                                                    \
	X(mem_info, "cuMemGetInfo_v2")                                                             \
	X(mem_alloc, "cuMemAlloc_v2")                                                              \
	X(mem_free, "cuMemFree_v2")                                                                \
	X(host_alloc, "cuMemHostAlloc")                                                            \
	X(host_free, "cuMemFreeHost")                                                              \
	X(host_addr, "cuMemHostGetDevicePointer_v2")                                               \
	X(pointer_attribute, "cuPointerGetAttribute")                                              \
	X(peer_can, "cuDeviceCanAccessPeer")                                                       \
	X(copy, "cuMemcpyAsync")                                                                   \
	X(copy_in, "cuMemcpyHtoDAsync_v2")                                                         \
	X(copy_out, "cuMemcpyDtoHAsync_v2")                                                        \
	X(fill, "cuMemsetD8Async")                                                                 \
	X(stream_create, "cuStreamCreate")                                                         \
	X(stream_destroy, "cuStreamDestroy_v2")                                                    \
	X(stream_query, "cuStreamQuery")                                                           \
	X(stream_wait, "cuStreamWaitEvent")                                                        \
	X(host_call, "cuLaunchHostFunc")                                                           \
	X(event_create, "cuEventCreate")                                                           \
	X(event_destroy, "cuEventDestroy_v2")                                                      \
	X(event_record, "cuEventRecord")                                                           \
	X(event_query, "cuEventQuery")                                                             \
	X(event_elapsed, "cuEventElapsedTime")                                                     \
	X(capture_begin, "cuStreamBeginCapture_v2")                                                \
	X(capture_end, "cuStreamEndCapture")                                                       \
	X(graph_instantiate, "cuGraphInstantiateWithFlags")                                        \
	X(graph_launch, "cuGraphLaunch")                                                           \
	X(graph_destroy, "cuGraphDestroy")                                                         \
	X(graph_exec_destroy, "cuGraphExecDestroy")                                                \
	X(module_load, "cuModuleLoadData")                                                         \
	X(module_unload, "cuModuleUnload")                                                         \
	X(module_function, "cuModuleGetFunction")                                                  \
	X(launch, "cuLaunchKernel")

/* Those that HIP does otherwise or not at all: X(member of struct cuda_api, symbol, parameters). */
#define CUDA_OWN_SYMBOLS(X)                                                                        \
	X(init, "cuInit", (unsigned int flags))                                                    \
	X(driver_version, "cuDriverGetVersion", (int *version))                                    \
	X(error_name, "cuGetErrorName", (int result, const char **name))                           \
	X(error_string, "cuGetErrorString", (int result, const char **text))                       \
	X(device_uuid, "cuDeviceGetUuid_v2", (unsigned char uuid[16], int dev))                    \
	X(ctx_retain, "cuDevicePrimaryCtxRetain", (void **ctx, int dev))                           \
	X(ctx_release, "cuDevicePrimaryCtxRelease_v2", (int dev))                                  \
	X(ctx_reset, "cuDevicePrimaryCtxReset_v2", (int dev))                                      \
	X(ctx_push, "cuCtxPushCurrent_v2", (void *ctx))                                            \
	X(ctx_pop, "cuCtxPopCurrent_v2", (void **ctx))                                             \
	X(peer_enable, "cuCtxEnablePeerAccess", (void *peer, unsigned int flags))                  \
	X(peer_copy, "cuMemcpyPeerAsync",                                                          \
	  (uint64_t dst, void *to, uint64_t src, void *from, size_t bytes, void *stream))          \
	X(function_set, "cuFuncSetAttribute", (void *function, int attribute, int value))

/* Those that an older library may lack (11.8 has them all): NULL then. */
#define CUDA_NEW_SYMBOLS(X)                                                                        \
	X(launch_ex, "cuLaunchKernelEx",                                                           \
	  (const struct cuda_launch_config *config, void *function, void **params, void **extra))  \
	X(map_encode, "cuTensorMapEncodeTiled",                                                    \
	  (void *map, int type, uint32_t rank, void *base, const uint64_t *dims,                   \
	   const uint64_t *strides, const uint32_t *box, const uint32_t *steps, int interleave,    \
	   int swizzle, int promotion, int fill))
