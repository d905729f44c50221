// SPDX-License-Identifier: Apache-2.0
/* logprobs.c - log-probabilities of tokens as JSON. */
#include <string.h>

#include "logprobs.h"
#include "out.h"

/* The token as the vocabulary spells it, or null. */
static json_t *token_json(struct aios_tokenizer *tok, int32_t id, float logprob)
{
	const char *token = tok ? aios_tokenizer_token(tok, id) : NULL;
	json_t *object = json_object();

	json_put(&object, "id", json_integer(id));
	json_put(&object, "token", token ? json_text(token, strlen(token)) : json_null());
	json_put(&object, "logprob", json_number(logprob));
	return object;
}

static json_t *top_json(struct aios_tokenizer *tok, const struct aios_event *event)
{
	json_t *top = json_array();

	for (uint32_t i = 0; i < event->n_top; i++)
		json_add(&top, token_json(tok, event->top_ids[i], event->top_logprobs[i]));
	return top;
}

json_t *logprobs_token(struct aios_tokenizer *tok, const struct aios_event *event)
{
	json_t *object = token_json(tok, event->id, event->logprob);

	json_put(&object, "top", top_json(tok, event));
	return object;
}

json_t *logprobs_prompt(void)
{
	json_t *list = json_array();

	json_add(&list, json_null());
	return list;
}

void logprobs_prompt_add(json_t **list, struct aios_tokenizer *tok, const struct aios_event *event)
{
	json_t *object = token_json(tok, event->id, event->logprob);

	json_put(&object, "rank", json_integer(event->rank));
	json_put(&object, "top", top_json(tok, event));
	json_add(list, object);
}
