// SPDX-License-Identifier: Apache-2.0
/* value.c - typed values. Numbers are read independently of the process's locale. */
#include "core/config/value.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <aios/config.h>

bool value_parse_bool(const char *text, bool *out)
{
	static const char *const words[2][4] = {
		{ "false", "no", "off", "0" },
		{ "true", "yes", "on", "1" },
	};

	for (int value = 0; value < 2; value++)
		for (int i = 0; i < 4; i++)
			if (!strcasecmp(text, words[value][i])) {
				*out = value;
				return true;
			}
	return false;
}

bool value_parse_int(const char *text, int64_t *out)
{
	const char *digits = text + (*text == '-' || *text == '+');
	size_t n = strspn(digits, "0123456789");
	long long value;

	if (!n || digits[n])
		return false;
	errno = 0;
	value = strtoll(text, NULL, 10);
	if (errno)
		return false;
	*out = value;
	return true;
}

/*
 * [+-]digits[.digits][e[+-]digits], summed up by hand: strtod() would take a comma
 * in some locales, and hex, inf and nan in all. *end is the first byte after it.
 */
static bool scan_decimal(const char *text, double *out, const char **end)
{
	char clean[64];
	const char *at = text;
	size_t whole, fraction = 0;
	double value = 0;
	int exponent = 0, shift = 0;
	bool negative = *at == '-';

	at += *at == '-' || *at == '+';
	whole = strspn(at, "0123456789");
	if (at[whole] == '.')
		fraction = strspn(at + whole + 1, "0123456789");
	if (whole + fraction == 0 || whole + fraction >= sizeof(clean))
		return false;
	memcpy(clean, at, whole);
	if (fraction)
		memcpy(clean + whole, at + whole + 1, fraction);
	at += whole + (at[whole] == '.') + fraction;
	if ((*at == 'e' || *at == 'E') &&
	    strspn(at + 1 + (at[1] == '-' || at[1] == '+'), "0123456789")) {
		exponent = (int)strtol(at + 1, (char **)&at, 10);
		if (exponent < -400 || exponent > 400)
			return false;
	}
	clean[whole + fraction] = '\0';
	*end = at;
	shift = exponent - (int)fraction;
	/* An integer with an exponent has no decimal point: strtod() then knows no locale. */
	{
		char number[96];

		snprintf(number, sizeof(number), "%s%se%d", negative ? "-" : "", clean, shift);
		value = strtod(number, NULL);
	}
	*out = value;
	return isfinite(value);
}

bool value_parse_float(const char *text, double *out)
{
	const char *end;

	return scan_decimal(text, out, &end) && !*end;
}

/* The number of bits that a suffix shifts: "k" "Ki" "KiB" "KB" 10, ... -1: not a suffix. */
static int suffix_shift(const char *suffix)
{
	static const char units[] = "kmgt";
	const char *unit;
	int shift;

	if (!*suffix || !strcasecmp(suffix, "B"))
		return 0;
	unit = strchr(units, tolower((unsigned char)*suffix));
	if (!unit)
		return -1;
	shift = (int)(unit - units + 1) * 10;
	suffix++;
	if (!*suffix || !strcasecmp(suffix, "i") || !strcasecmp(suffix, "ib") ||
	    !strcasecmp(suffix, "b"))
		return shift;
	return -1;
}

bool value_parse_size(const char *text, uint64_t *out)
{
	size_t n = strspn(text, "0123456789");
	const char *end;
	double number;
	int shift;

	if (!isdigit((unsigned char)*text))
		return false;
	if (text[n] != '.' && text[n] != 'e' && text[n] != 'E') {
		unsigned long long whole;

		errno = 0;
		whole = strtoull(text, NULL, 10);
		shift = suffix_shift(text + n);
		if (errno || shift < 0 || (whole << shift) >> shift != whole)
			return false;
		*out = (uint64_t)whole << shift;
		return true;
	}
	if (!scan_decimal(text, &number, &end))
		return false;
	shift = suffix_shift(end);
	if (shift < 0)
		return false;
	number = ldexp(number, shift);
	if (number < 0 || number >= 0x1p63 || number != floor(number))
		return false;
	*out = (uint64_t)number;
	return true;
}

static bool in_choices(const char *choices, const char *text)
{
	size_t length = strlen(text);

	while (choices && *choices) {
		size_t n = strcspn(choices, "|");

		if (n == length && !memcmp(choices, text, n))
			return true;
		choices += n + (choices[n] == '|');
	}
	return false;
}

static bool in_bounds(const struct aios_param *param, double value)
{
	return (param->min == 0 && param->max == 0) || (value >= param->min && value <= param->max);
}

static bool fits(const struct aios_param *param, const char *text)
{
	uint64_t size;
	int64_t integer;
	double number;
	bool boolean;

	switch (param->type) {
	case AIOS_PARAM_BOOL:
		return value_parse_bool(text, &boolean);
	case AIOS_PARAM_INT:
		return value_parse_int(text, &integer) && in_bounds(param, (double)integer);
	case AIOS_PARAM_SIZE:
		return value_parse_size(text, &size) && in_bounds(param, (double)size);
	case AIOS_PARAM_FLOAT:
		return value_parse_float(text, &number) && in_bounds(param, number);
	case AIOS_PARAM_CHOICE:
		return in_choices(param->choices, text);
	case AIOS_PARAM_STRING:
	case AIOS_PARAM_PATH:
		return true;
	default:
		return false;
	}
}

int value_check(const struct aios_param *param, const char *text, const char *what,
		struct aios_status *st)
{
	char expected[200];

	if (fits(param, text))
		return 0;
	return aios_fail(st, -EINVAL, "%s: '%.100s' is not valid, expected %s", what, text,
			 aios_param_describe(param, expected, sizeof(expected)));
}

char *value_dup(const struct aios_param *param, const char *text)
{
	const char *home = param->type == AIOS_PARAM_PATH && text[0] == '~' && text[1] == '/' ?
				   getenv("HOME") :
				   NULL;
	size_t size;
	char *out;

	if (!home)
		return strdup(text);
	size = strlen(home) + strlen(text);
	out = malloc(size);
	if (out)
		snprintf(out, size, "%s%s", home, text + 1);
	return out;
}

static const char *describe_range(const struct aios_param *param, const char *noun, char *text,
				  size_t size)
{
	if (param->min == 0 && param->max == 0)
		snprintf(text, size, "%s", noun);
	else if (param->max > 1e15)
		snprintf(text, size, "%s of at least %.15g", noun, param->min);
	else
		snprintf(text, size, "%s from %.15g to %.15g", noun, param->min, param->max);
	return text;
}

const char *aios_param_describe(const struct aios_param *param, char *text, size_t size)
{
	switch (param->type) {
	case AIOS_PARAM_BOOL:
		snprintf(text, size, "true or false (yes no on off 1 0)");
		return text;
	case AIOS_PARAM_INT:
		return describe_range(param, "an integer", text, size);
	case AIOS_PARAM_SIZE:
		return describe_range(param, "bytes (suffixes k M G T)", text, size);
	case AIOS_PARAM_FLOAT:
		return describe_range(param, "a number", text, size);
	case AIOS_PARAM_CHOICE:
		snprintf(text, size, "one of %s", param->choices);
		return text;
	case AIOS_PARAM_PATH:
		snprintf(text, size, "a path");
		return text;
	default:
		snprintf(text, size, "a text");
		return text;
	}
}

static bool name_valid(const char *name)
{
	size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;

	return n > 0 && n < 48 && !name[n] && name[0] != '_';
}

int param_check(const struct aios_param *param, struct aios_status *st)
{
	char what[80];

	if (!name_valid(param->name))
		return aios_fail(st, -EINVAL,
				 "a parameter's name is not lower case letters, digits and '_'");
	if (param->type < AIOS_PARAM_BOOL || param->type > AIOS_PARAM_PATH)
		return aios_fail(st, -EINVAL, "parameter %s has the unknown type %u", param->name,
				 param->type);
	if (!param->default_text || !param->help || !*param->help)
		return aios_fail(st, -EINVAL, "parameter %s has no %s", param->name,
				 param->default_text ? "help" : "default");
	if (param->type == AIOS_PARAM_CHOICE && (!param->choices || !*param->choices))
		return aios_fail(st, -EINVAL, "parameter %s is a choice of nothing", param->name);
	if (!(param->min <= param->max))
		return aios_fail(st, -EINVAL, "parameter %s has its bounds the wrong way round",
				 param->name);
	snprintf(what, sizeof(what), "the default of parameter %s", param->name);
	return value_check(param, param->default_text, what, st);
}
