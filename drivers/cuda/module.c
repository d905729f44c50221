// SPDX-License-Identifier: Apache-2.0
/*
 * module.c - what the CUDA driver is: metadata, parameters, its table.
 */
#include "device.h"

static const struct aios_param cuda_params[] = {
	{ .name = "spin",
	  .type = AIOS_PARAM_INT,
	  .default_text = "500",
	  .min = 0,
	  .max = 1000000,
	  .help = "microseconds that a wait polls the GPU before it begins to sleep" },
	{ .name = "staging",
	  .type = AIOS_PARAM_INT,
	  .default_text = "32",
	  .min = 1,
	  .max = 1024,
	  .help = "MiB of pinned memory of a queue, through which other host memory is copied" },
	{ .name = "pinned",
	  .type = AIOS_PARAM_INT,
	  .default_text = "0",
	  .min = 0,
	  .max = 1 << 30,
	  .help = "MiB of host memory that may be locked for the GPU; 0: a quarter of the "
		  "machine's" },
	{ .name = "upload_threads",
	  .type = AIOS_PARAM_INT,
	  .default_text = "4",
	  .min = 1,
	  .max = 16,
	  .help = "threads that fill the staging memory" },
};

static const struct aios_driver_ops cuda_ops = {
	.size = sizeof(struct aios_driver_ops),
	.probe = cuda_probe,
	.open = cuda_open,
	.quiesce = cuda_quiesce,
	.close = cuda_close,
	.device_info = cuda_device_info,
	.heap_info = cuda_heap_info,
	.mem_alloc = cuda_mem_alloc,
	.mem_free = cuda_mem_free,
	.queue_create = cuda_queue_create,
	.queue_destroy = cuda_queue_destroy,
	.query_op = cuda_query_op,
	.launch = cuda_launch,
	.copy = cuda_copy,
	.fill = cuda_fill,
	.signal = cuda_signal,
	.wait = cuda_wait,
	.queue_wait = cuda_queue_wait,
	.graph_begin = cuda_graph_begin,
	.graph_end = cuda_graph_end,
	.graph_launch = cuda_graph_launch,
	.graph_destroy = cuda_graph_destroy,
	.reset = cuda_reset,
	.elapsed = cuda_elapsed,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "NVIDIA GPUs, by libcuda.so.1");
AIOS_MODULE_INFO(version, "1");
AIOS_DRIVER(cuda, "cuda", &cuda_ops, cuda_params, sizeof(cuda_params) / sizeof(cuda_params[0]));
