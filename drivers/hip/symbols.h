/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbols.h - every function of libamdhip64 that this driver calls. All return a hipError_t, an
 * int, where nothing else stands, and exist since ROCm 5.1 but those said to be optional.
 *
 * HIP_SYMBOLS: X(member of struct gpu_api, symbol, optional), whose parameters are in
 * drivers/gpu/host/api.h.
 */
#define HIP_SYMBOLS(X)                                                                             \
	X(device_count, "hipGetDeviceCount", false)                                                \
	X(device_get, "hipDeviceGet", false)                                                       \
	X(device_name, "hipDeviceGetName", false)                                                  \
	X(device_bus_id, "hipDeviceGetPCIBusId", false)                                            \
	X(device_attribute, "hipDeviceGetAttribute", false)                                        \
	X(device_memory, "hipDeviceTotalMem", false)                                               \
	X(mem_info, "hipMemGetInfo", false)                                                        \
	X(mem_alloc, "hipMalloc", false)                                                           \
	X(mem_free, "hipFree", false)                                                              \
	X(host_alloc, "hipHostMalloc", false)                                                      \
	X(host_free, "hipHostFree", false)                                                         \
	X(host_addr, "hipHostGetDevicePointer", false)                                             \
	X(pointer_attribute, "hipPointerGetAttribute", false)                                      \
	X(peer_can, "hipDeviceCanAccessPeer", false)                                               \
	X(copy, "hipMemcpyDtoDAsync", false)                                                       \
	X(copy_in, "hipMemcpyHtoDAsync", false)                                                    \
	X(copy_out, "hipMemcpyDtoHAsync", false)                                                   \
	X(fill, "hipMemsetD8Async", false)                                                         \
	X(stream_create, "hipStreamCreateWithFlags", false)                                        \
	X(stream_destroy, "hipStreamDestroy", false)                                               \
	X(stream_query, "hipStreamQuery", false)                                                   \
	X(stream_wait, "hipStreamWaitEvent", false)                                                \
	X(host_call, "hipLaunchHostFunc", true) /* not in Debian's 5.2.3 */                        \
	X(host_callback, "hipStreamAddCallback", false)                                            \
	X(event_create, "hipEventCreateWithFlags", false)                                          \
	X(event_destroy, "hipEventDestroy", false)                                                 \
	X(event_record, "hipEventRecord", false)                                                   \
	X(event_query, "hipEventQuery", false)                                                     \
	X(event_elapsed, "hipEventElapsedTime", false)                                             \
	X(capture_begin, "hipStreamBeginCapture", true)                                            \
	X(capture_end, "hipStreamEndCapture", true)                                                \
	X(graph_instantiate, "hipGraphInstantiateWithFlags", true)                                 \
	X(graph_launch, "hipGraphLaunch", true)                                                    \
	X(graph_destroy, "hipGraphDestroy", true)                                                  \
	X(graph_exec_destroy, "hipGraphExecDestroy", true)                                         \
	X(module_load, "hipModuleLoadData", false)                                                 \
	X(module_unload, "hipModuleUnload", false)                                                 \
	X(module_function, "hipModuleGetFunction", false)                                          \
	X(launch, "hipModuleLaunchKernel", false)

/* Those that CUDA does otherwise: X(member of struct hip_api, symbol, type, parameters). */
#define HIP_OWN_SYMBOLS(X)                                                                         \
	X(init, "hipInit", int, (unsigned int flags))                                              \
	X(runtime_version, "hipRuntimeGetVersion", int, (int *version))                            \
	X(error_name, "hipGetErrorName", const char *, (int result))                               \
	X(error_string, "hipGetErrorString", const char *, (int result))                           \
	X(device_uuid, "hipDeviceGetUuid", int, (unsigned char uuid[16], int dev))                 \
	X(device_set, "hipSetDevice", int, (int dev))                                              \
	X(device_current, "hipGetDevice", int, (int *dev))                                         \
	X(device_reset, "hipDeviceReset", int, (void))                                             \
	X(peer_enable, "hipDeviceEnablePeerAccess", int, (int peer, unsigned int flags))           \
	X(peer_copy, "hipMemcpyPeerAsync", int,                                                    \
	  (uint64_t dst, int to, uint64_t src, int from, size_t bytes, void *stream))
