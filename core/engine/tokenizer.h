/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer.h - the core's handle on a tokenizer plugin and its streams. */
#ifndef CORE_ENGINE_TOKENIZER_H
#define CORE_ENGINE_TOKENIZER_H

#include <aios/aios.h>
#include <aios/plugin/format.h>
#include <aios/plugin/tokenizer.h>

/* Open from texts that are in memory already (borrowed for the call). */
int tokenizer_open_texts(struct aios *aios, const struct aios_ckpt_text *tokenizer,
			 const struct aios_ckpt_text *config, struct aios_tokenizer **out,
			 struct aios_status *st);

/* Streams: text pieces that never end inside a UTF-8 character; valid until the next call. */
int detokenizer_open(struct aios_tokenizer *tok, uint32_t flags, struct aios_detokenizer **out,
		     struct aios_status *st);
int detokenizer_push(struct aios_detokenizer *d, int32_t id, const char **text, size_t *len,
		     struct aios_status *st);
int detokenizer_flush(struct aios_detokenizer *d, const char **text, size_t *len,
		      struct aios_status *st);
void detokenizer_close(struct aios_detokenizer *d); /* takes NULL */

#endif /* CORE_ENGINE_TOKENIZER_H */
