/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokenizer.h - an opened tokenizer.json. Immutable, so that threads may share it.
 */
#ifndef BPE_TOKENIZER_H
#define BPE_TOKENIZER_H

#include <stdint.h>

#include <aios/plugin/tokenizer.h>

#include "added.h"
#include "decoder.h"
#include "merge.h"
#include "normalizer.h"
#include "post.h"
#include "pretokenizer.h"

struct tokenizer {
	struct model model;
	struct normalizer normalizer;
	struct pretokenizer pretokenizer;
	struct added added;
	struct post post;
	struct decoder decoder;

	/* From tokenizer_config.json. */
	int32_t bos_id, eos_id, pad_id, unk_id;
	char *chat_template; /* or NULL */
};

/* Read tokenizer.json (file.c), the "model" in it (model.c), tokenizer_config.json (config.c). */
int tokenizer_read(struct tokenizer *tok, const struct aios_host *host, const char *path,
		   const char *text, size_t len, const struct pattern_options *options,
		   struct aios_status *st);
int tokenizer_read_model(struct model *model, const json_t *json, const char *path,
			 struct aios_status *st);
int tokenizer_read_config(struct tokenizer *tok, const struct aios_host *host, const char *path,
			  const char *text, size_t len, struct aios_status *st);

/* Append the ids of a text (encode.c). */
int tokenizer_encode(const struct tokenizer *tok, const char *text, size_t len, uint32_t flags,
		     struct ids *ids, struct aios_status *st);

#endif /* BPE_TOKENIZER_H */
