/* SPDX-License-Identifier: Apache-2.0 */
/*
 * post.h - the ids that go before and after a text's own: <bos> and the like.
 */
#ifndef BPE_POST_H
#define BPE_POST_H

#include <jansson.h>

#include <aios/error.h>

#include "merge.h"

struct post {
	struct ids before;
	struct ids after;
	bool has_template;
};

/* From the file's "post_processor" (may be null); ids must be in the vocabulary. */
int post_init(struct post *post, const json_t *json, const char *path, const struct vocab *vocab,
	      struct aios_status *st);
void post_finish(struct post *post);

#endif /* BPE_POST_H */
