/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - a model folder opened: the checkpoint through its format plugin, the
 * architecture through its model plugin, the end-of-sequence ids. No device.
 */
#ifndef CORE_ENGINE_SOURCE_H
#define CORE_ENGINE_SOURCE_H

#include <aios/plugin/format.h>
#include <aios/plugin/model.h>

struct aios;
struct module;

#define SOURCE_MAX_EOS 16

struct source {
	struct module *format_module, *model_module; /* references held */
	const struct aios_format_ops *format;
	void *ckpt;
	const struct aios_checkpoint *contents;
	const struct aios_model_ops *model_ops;
	void *model;
	struct aios_model_info info;
	int32_t eos[SOURCE_MAX_EOS];
	uint32_t n_eos;
};

/* Open `path`. With `meta_only` tensors have no data (plans). */
int source_open(struct aios *aios, const char *path, bool meta_only, struct source *out,
		struct aios_status *st);
void source_close(struct source *src); /* takes a zeroed source */

/* The tensor of this name, or NULL. */
const struct aios_ckpt_tensor *source_tensor(const struct source *src, const char *name);

/* Add an end-of-sequence id unless it is there, negative, or the list is full. */
void source_add_eos(struct source *src, int64_t id);

#endif /* CORE_ENGINE_SOURCE_H */
