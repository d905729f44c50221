// SPDX-License-Identifier: Apache-2.0
/*
 * module.c - what the HIP driver is: metadata, parameters, its tables.
 */
#include "device.h"

static const int hip_losses[] = {
	4 /* deinitialized */,    214 /* uncorrectable ECC */, 700 /* illegal address */,
	702 /* launch timeout */, 709 /* context destroyed */, 710 /* assert */,
	719 /* launch failed */,  999 /* unknown */,           0,
};

const struct gpu_vendor gpu_vendor = {
	.name = "hip",
	.product = "AMD GPU",
	.no_devices = "libamdhip64 counts no devices; see rocminfo, /dev/kfd (group render) and "
		      "HIP_VISIBLE_DEVICES",
	.api_size = sizeof(struct hip_api),
	.losses = hip_losses,
	.comm = "RCCL",
	.comm_library = "librccl.so.1",
	.open = hip_api_open,
	.error_name = hip_error_name,
	.error_text = hip_error_text,
	.device_id = hip_device_id,
	.rate = hip_rate,
	.identify = hip_identify,
	.ctx_open = hip_ctx_open,
	.ctx_close = hip_ctx_close,
	.ctx_reset = hip_ctx_reset,
	.enter = hip_enter,
	.leave = hip_leave,
	.peer_enable = hip_peer_enable,
	.peer_copy = hip_peer_copy,
	.load = hip_load,
};

static const struct aios_driver_ops hip_ops = {
	.size = sizeof(struct aios_driver_ops),
	GPU_SLOTS,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "AMD GPUs, by libamdhip64");
AIOS_MODULE_INFO(version, "1");
AIOS_DRIVER(hip, "hip", &hip_ops, gpu_params, GPU_PARAMS);
