// SPDX-License-Identifier: Apache-2.0
/*
 * module.c - what the CUDA driver is: metadata, parameters, its tables.
 */
#include "device.h"

static const int cuda_losses[] = {
	4 /* deinitialized */,
	214 /* uncorrectable ECC */,
	220 /* uncorrectable NVLink */,
	226 /* contained */,
	700 /* illegal address */,
	702 /* launch timeout */,
	709 /* context destroyed */,
	710 /* assert */,
	714 /* hardware stack */,
	715 /* illegal instruction */,
	716 /* misaligned address */,
	717 /* address space */,
	718 /* invalid pc */,
	719 /* launch failed */,
	721 /* tensor memory leak */,
	999 /* unknown */,
	0,
};

const struct gpu_vendor gpu_vendor = {
	.name = "cuda",
	.product = "NVIDIA GPU",
	.no_devices = "libcuda.so.1 counts no devices; see nvidia-smi and CUDA_VISIBLE_DEVICES",
	.api_size = sizeof(struct cuda_api),
	.losses = cuda_losses,
	.comm = "NCCL",
	.comm_library = "libnccl.so.2",
	.open = cuda_api_open,
	.error_name = cuda_error_name,
	.error_text = cuda_error_text,
	.device_id = cuda_device_id,
	.rate = cuda_rate,
	.identify = cuda_identify,
	.ctx_open = cuda_ctx_open,
	.ctx_close = cuda_ctx_close,
	.ctx_reset = cuda_ctx_reset,
	.enter = cuda_enter,
	.leave = cuda_leave,
	.peer_enable = cuda_peer_enable,
	.peer_copy = cuda_peer_copy,
	.load = cuda_load,
	.prepare = cuda_prepare,
	.encode = cuda_encode,
	.launch = cuda_launch,
};

static const struct aios_driver_ops cuda_ops = {
	.size = sizeof(struct aios_driver_ops),
	GPU_SLOTS,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "NVIDIA GPUs, by libcuda.so.1");
AIOS_MODULE_INFO(version, "1");
AIOS_DRIVER(cuda, "cuda", &cuda_ops, gpu_params, GPU_PARAMS);
