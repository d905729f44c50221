/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format.h - what a checkpoint format plugin implements: bytes on disk to named
 * tensors and the texts beside them. Trusts no length, offset or count.
 *
 * Threads: an opened checkpoint is immutable; tensors may be read from any thread.
 */
#ifndef AIOS_PLUGIN_FORMAT_H
#define AIOS_PLUGIN_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>
#include <aios/module.h>
#include <aios/types.h>

#define AIOS_CKPT_MAX_DIMS 8

/* One tensor of a checkpoint; row-major, the last dimension contiguous. */
struct aios_ckpt_tensor {
	const char *name;
	const char *file; /* path of the file it lies in, for messages */
	const void *data; /* mapped read-only, any alignment */
	uint64_t bytes;   /* = product of shape * element size */
	uint64_t offset;  /* of data in the file */
	uint64_t shape[AIOS_CKPT_MAX_DIMS];
	uint32_t n_dims;
	uint32_t dtype;      /* enum aios_dtype; AIOS_NONE: a type AIOS has no name for */
	char dtype_name[16]; /* as the file spells it, "BF16" */
};

/* A text file beside the tensors. text is NUL-terminated; NULL when the file is absent. */
struct aios_ckpt_text {
	const char *path;
	const char *text;
	size_t len;
};

/* What a checkpoint holds. Owned by the checkpoint, valid until close(). */
struct aios_checkpoint {
	uint32_t size;
	uint32_t n_tensors;
	const struct aios_ckpt_tensor *tensors; /* sorted by name (strcmp) */
	uint64_t bytes;                         /* of all tensors together */
	struct aios_ckpt_text config;           /* config.json: always there */
	struct aios_ckpt_text generation;       /* generation_config.json */
	struct aios_ckpt_text tokenizer;        /* tokenizer.json */
	struct aios_ckpt_text tokenizer_config; /* tokenizer_config.json */
};

struct aios_format_ops {
	uint32_t size;
	uint32_t reserved;

	/* Mandatory. Is `path` (file or folder) of this format? Score > 0: yes; 0: no. `reason` (128 bytes) says why. */
	int (*probe)(const struct aios_host *host, const char *path, char reason[128]);

	/* Mandatory. Map and check everything; with `meta_only` the texts and headers, no tensor data (data is NULL). */
	int (*open)(const struct aios_host *host, const char *path, bool meta_only, void **ckpt,
		    const struct aios_checkpoint **contents, struct aios_status *st);
	void (*close)(void *ckpt); /* mandatory; takes NULL */

	/* Optional. The tensor's pages are not needed any more: drop them from memory. */
	void (*release)(void *ckpt, const struct aios_ckpt_tensor *tensor);

	/* Optional. The tensor will be read soon: start reading it. */
	void (*prefetch)(void *ckpt, const struct aios_ckpt_tensor *tensor);
};

#endif /* AIOS_PLUGIN_FORMAT_H */
