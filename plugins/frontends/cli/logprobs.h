/* SPDX-License-Identifier: Apache-2.0 */
/* logprobs.h - log-probabilities of tokens as JSON. NULL anywhere: memory was short. */
#ifndef CLI_LOGPROBS_H
#define CLI_LOGPROBS_H

#include <jansson.h>

#include <aios/aios.h>

/* {"id":9,"token":"Ġthe","logprob":-0.1,"top":[...]} of a TOKEN event; `tok` may be NULL. */
json_t *logprobs_token(struct aios_tokenizer *tok, const struct aios_event *event);

/* A list for a prompt: it begins with null, for before the first token there is nothing. */
json_t *logprobs_prompt(void);

/* Append what a PROMPT event says, its "rank" too; *list becomes NULL when memory is short. */
void logprobs_prompt_add(json_t **list, struct aios_tokenizer *tok, const struct aios_event *event);

#endif /* CLI_LOGPROBS_H */
