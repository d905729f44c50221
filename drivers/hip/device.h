/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h - the functions of HIP's struct gpu_vendor; their contracts are there.
 */
#ifndef HIP_DEVICE_H
#define HIP_DEVICE_H

#include "api.h"
#include "host/host.h" /* include-ok: drivers/gpu, part of this module */

void hip_device_id(const struct gpu_api *api, int ordinal, char *id, size_t cap);
void hip_rate(const struct gpu_api *api, int ordinal, struct aios_device_desc *d);
int hip_identify(struct gpu_device *dev, uint32_t index, struct aios_status *st);
int hip_ctx_open(struct gpu_device *dev, struct aios_status *st);
void hip_ctx_close(struct gpu_device *dev);
int hip_ctx_reset(struct gpu_device *dev);
int hip_enter(struct gpu_device *dev, struct aios_status *st);
void hip_leave(struct gpu_device *dev);
int hip_peer_enable(struct gpu_device *dev, const struct gpu_peer *peer);
int hip_peer_copy(struct gpu_device *dev, const struct gpu_peer *peer, uint64_t dst, uint64_t src,
		  size_t bytes, void *stream);
int hip_load(struct gpu_device *dev, struct aios_status *st);

#endif /* HIP_DEVICE_H */
