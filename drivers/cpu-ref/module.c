// SPDX-License-Identifier: Apache-2.0
/*
 * module.c - what cpu-ref is: metadata, parameters, the driver's table.
 */
#include "ref.h"

static const struct aios_param ref_params[] = {
	{ .name = "threads",
	  .type = AIOS_PARAM_INT,
	  .default_text = "0",
	  .min = 0,
	  .max = 1024,
	  .help = "worker threads; 0: one for each CPU this process may run on" },
	{ .name = "isa",
	  .type = AIOS_PARAM_CHOICE,
	  .default_text = "auto",
	  .choices = "auto|base|v3",
	  .help = "instructions of the dot products: base is any CPU, v3 needs AVX2, FMA and F16C; "
		  "the bits are the same" },
};

static const struct aios_driver_ops ref_ops = {
	.size = sizeof(struct aios_driver_ops),
	.probe = ref_probe,
	.open = ref_open,
	.quiesce = ref_quiesce,
	.close = ref_close,
	.device_info = ref_device_info,
	.heap_info = ref_heap_info,
	.mem_alloc = ref_mem_alloc,
	.mem_free = ref_mem_free,
	.queue_create = ref_queue_create,
	.queue_destroy = ref_queue_destroy,
	.query_op = ref_query_op,
	.launch = ref_launch,
	.copy = ref_copy,
	.fill = ref_fill,
	.signal = ref_signal,
	.wait = ref_wait,
	.queue_wait = ref_queue_wait,
	.elapsed = ref_elapsed,
	.mem_import = ref_mem_import,
	.graph_begin = ref_graph_begin,
	.graph_end = ref_graph_end,
	.graph_launch = ref_graph_launch,
	.graph_destroy = ref_graph_destroy,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "the reference: the meaning of every op, in plain C on the host");
AIOS_MODULE_INFO(version, "1");
AIOS_DRIVER(cpu_ref, "cpu-ref", &ref_ops, ref_params, sizeof(ref_params) / sizeof(ref_params[0]));
