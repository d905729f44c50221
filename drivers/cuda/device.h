/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h - the functions of CUDA's struct gpu_vendor; their contracts are there.
 */
#ifndef CUDA_DEVICE_H
#define CUDA_DEVICE_H

#include "api.h"
#include "host/host.h" /* include-ok: drivers/gpu, part of this module */

void cuda_device_id(const struct gpu_api *api, int ordinal, char *id, size_t cap);
void cuda_rate(const struct gpu_api *api, int ordinal, struct aios_device_desc *d);
int cuda_identify(struct gpu_device *dev, uint32_t index, struct aios_status *st);
int cuda_ctx_open(struct gpu_device *dev, struct aios_status *st);
void cuda_ctx_close(struct gpu_device *dev);
int cuda_ctx_reset(struct gpu_device *dev);
int cuda_enter(struct gpu_device *dev, struct aios_status *st);
void cuda_leave(struct gpu_device *dev);
int cuda_peer_enable(struct gpu_device *dev, const struct gpu_peer *peer);
int cuda_peer_copy(struct gpu_device *dev, const struct gpu_peer *peer, uint64_t dst, uint64_t src,
		   size_t bytes, void *stream);
int cuda_load(struct gpu_device *dev, struct aios_status *st);
int cuda_prepare(struct gpu_device *dev, void *function);
int cuda_encode(struct gpu_device *dev, const struct gpu_map *map, void *out);
int cuda_launch(struct gpu_device *dev, struct gpu_queue *queue, const struct gpu_launch *l,
		void **params);

#endif /* CUDA_DEVICE_H */
