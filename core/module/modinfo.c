// SPDX-License-Identifier: Apache-2.0
/* modinfo.c - parse the metadata section. It comes from a file: nothing in it is trusted. */
#include "core/module/modinfo.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[AIOS_KIND_COUNT] = {
	[AIOS_KIND_DRIVER] = "driver",       [AIOS_KIND_FORMAT] = "format",
	[AIOS_KIND_MODEL] = "model",         [AIOS_KIND_TOKENIZER] = "tokenizer",
	[AIOS_KIND_SAMPLER] = "sampler",     [AIOS_KIND_HOOK] = "hook",
	[AIOS_KIND_SCHEDULER] = "scheduler", [AIOS_KIND_CACHE] = "cache",
};

const char *module_kind_name(uint32_t kind)
{
	return kind < AIOS_KIND_COUNT ? kind_names[kind] : NULL;
}

uint32_t module_kind_number(const char *name)
{
	for (uint32_t kind = 1; kind < AIOS_KIND_COUNT; kind++)
		if (kind_names[kind] && !strcmp(kind_names[kind], name))
			return kind;
	return 0;
}

bool module_name_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n < MODULE_NAME_MAX && !name[n] && name[0] != '-' && name[n - 1] != '-';
}

/* "0.1:0x1234abcd": decimal numbers that fit, exactly 8 hexadecimal digits. */
static bool parse_abi(const char *text, struct modinfo *info)
{
	const char *digits = "0123456789abcdefABCDEF";
	unsigned long major, minor;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	major = strtoul(text, &end, 10);
	if (*end != '.' || end[1] < '0' || end[1] > '9' || major > UINT16_MAX)
		return false;
	minor = strtoul(end + 1, &end, 10);
	if (strncmp(end, ":0x", 3) || minor > UINT16_MAX)
		return false;
	end += 3;
	if (strspn(end, digits) != 8 || end[8])
		return false;
	info->abi_major = (uint16_t)major;
	info->abi_minor = (uint16_t)minor;
	info->abi_hash = (uint32_t)strtoul(end, NULL, 16);
	return true;
}

/* Where the value of a tag that may appear once goes, or NULL. */
static const char **single_slot(struct modinfo *info, const char *tag)
{
	const struct {
		const char *tag;
		const char **slot;
	} table[] = {
		{ "name", &info->name },
		{ "kind", &info->kind_text },
		{ "abi", &info->abi },
		{ "sanitizer", &info->sanitizer },
		{ "isa", &info->isa },
		{ "license", &info->license },
		{ "description", &info->description },
		{ "author", &info->author },
		{ "version", &info->version },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(table[i].tag, tag))
			return table[i].slot;
	return NULL;
}

static int append(const char **list, unsigned *n, unsigned max, const char *tag, const char *value,
		  struct aios_status *st)
{
	if (*n == max)
		return aios_fail(st, -EINVAL, "metadata: more than %u tags '%s'", max, tag);
	list[(*n)++] = value;
	return 0;
}

static int take_tag(struct modinfo *info, const char *tag, const char *value,
		    struct aios_status *st)
{
	const char **slot = single_slot(info, tag);

	if (slot) {
		if (*slot)
			return aios_fail(st, -EINVAL, "metadata: tag '%s' is there twice", tag);
		*slot = value;
		return 0;
	}
	if (!strcmp(tag, "needs"))
		return append(info->needs, &info->n_needs, MODINFO_MAX_NEEDS, tag, value, st);
	if (!strcmp(tag, "alias"))
		return append(info->aliases, &info->n_aliases, MODINFO_MAX_ALIASES, tag, value, st);
	if (!strcmp(tag, "ctors")) {
		if (strcmp(value, "allowed"))
			return aios_fail(st, -EINVAL, "metadata: ctors=%.40s, expected 'allowed'",
					 value);
		info->ctors_allowed = true;
		return 0;
	}
	return aios_fail(st, -EINVAL,
			 "metadata: unknown tag '%.40s' (the tags are listed in aios/module.h)",
			 tag);
}

/* Metadata is shown to people and written into JSON: no control characters. */
static bool printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static int take_string(struct modinfo *info, char *text, size_t offset, struct aios_status *st)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text)
		return aios_fail(st, -EINVAL,
				 "metadata: the string at offset %zu is not \"tag=value\"", offset);
	if (!printable(text))
		return aios_fail(st, -EINVAL,
				 "metadata: the string at offset %zu has control characters",
				 offset);
	*equals = '\0';
	return take_tag(info, text, equals + 1, st);
}

static int require(const char *value, const char *tag, struct aios_status *st)
{
	if (value && *value)
		return 0;
	return aios_fail(st, -EINVAL,
			 "metadata: no tag '%s' (use AIOS_DRIVER() or its like from aios/module.h)",
			 tag);
}

static int check_required(struct modinfo *info, struct aios_status *st)
{
	int err;

	if ((err = require(info->name, "name", st)) ||
	    (err = require(info->kind_text, "kind", st)) || (err = require(info->abi, "abi", st)) ||
	    (err = require(info->sanitizer, "sanitizer", st)))
		return err;
	if (!module_name_valid(info->name))
		return aios_fail(st, -EINVAL,
				 "metadata: name '%.64s' is not lower case letters, digits and '-'",
				 info->name);
	info->kind = module_kind_number(info->kind_text);
	if (!parse_abi(info->abi, info))
		return aios_fail(st, -EINVAL, "metadata: abi '%.40s' is not \"major.minor:0xhash\"",
				 info->abi);
	return 0;
}

int modinfo_parse(struct modinfo *info, const char *bytes, size_t size, struct aios_status *st)
{
	memset(info, 0, sizeof(*info));
	if (!size || size > MODINFO_MAX_BYTES)
		return aios_fail(st, -EINVAL, "metadata of %zu bytes, expected 1 to %d", size,
				 MODINFO_MAX_BYTES);
	if (bytes[size - 1] != '\0')
		return aios_fail(st, -EINVAL, "metadata: the last string has no end");
	info->bytes = malloc(size);
	if (!info->bytes)
		return aios_fail(st, -ENOMEM, "no memory for %zu bytes of metadata", size);
	memcpy(info->bytes, bytes, size);
	for (size_t at = 0; at < size;) {
		size_t length = strlen(info->bytes + at);
		int err = length ? take_string(info, info->bytes + at, at, st) : 0;

		if (err)
			return err;
		at += length + 1;
	}
	return check_required(info, st);
}

void modinfo_finish(struct modinfo *info)
{
	free(info->bytes);
	memset(info, 0, sizeof(*info));
}
