/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dense.h - the dense decoder that the families describe: embed; then in every
 * layer norm, fused qkv, rope, attention, o, norm, fused gate and up, down; norm
 * and lm_head. A family is a struct dense_family and one call of dense_open();
 * the other slots of its ops table are the functions here.
 *
 * An opened model is immutable: any thread may call.
 */
#ifndef PLUGINS_MODELS_DENSE_H
#define PLUGINS_MODELS_DENSE_H

#include <aios/plugin/model.h>

#include "config.h"

/* Open what config.json describes. The caller owns *model and ends it with dense_close(). */
int dense_open(const struct dense_family *family, const char *path, const char *json, size_t len,
	       void **model, struct aios_model_info *info, struct aios_status *st);
void dense_close(void *model);

/* As struct aios_model_ops says. */
int dense_weight(void *model, uint32_t index, struct aios_weight *out, struct aios_status *st);
int dense_buffer(void *model, const struct aios_model_types *types, uint32_t index,
		 struct aios_buffer *out, struct aios_status *st);
int dense_forward(void *model, const struct aios_forward *fw, struct aios_status *st);

#endif /* PLUGINS_MODELS_DENSE_H */
