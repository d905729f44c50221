/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c - what standard error can show, and log lines on it. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "terminal.h"

uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* What --color says: -1 auto, 0 never, 1 always. One terminal, one process. */
static int color_choice = -1;

bool terminal_has_color(int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (color_choice >= 0)
		return color_choice;
	return isatty(fd) && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
}

unsigned terminal_columns(int fd)
{
	struct winsize size;

	if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return 80;
}

void terminal_init(struct terminal *t)
{
	*t = (struct terminal){
		.color = terminal_has_color(STDERR_FILENO),
		.bar = isatty(STDERR_FILENO),
		.talk = isatty(STDERR_FILENO),
		.level = AIOS_LOG_WARN,
	};
	pthread_mutex_init(&t->lock, NULL);
}

void terminal_configure(struct terminal *t, const char *color, const char *progress,
			const char *level)
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };

	if (strcmp(color, "auto") != 0)
		color_choice = strcmp(color, "always") == 0;
	t->color = terminal_has_color(STDERR_FILENO);
	if (strcmp(progress, "auto") != 0)
		t->talk = strcmp(progress, "always") == 0;
	t->bar = t->bar && t->talk;
	for (int i = 0; i <= AIOS_LOG_DEBUG; i++)
		if (strcmp(level, levels[i]) == 0)
			t->level = i;
}

const char *style_on(bool color, enum style style)
{
	static const char *const on[] = {
		[STYLE_DIM] = "\033[2m",     [STYLE_BOLD] = "\033[1m",   [STYLE_RED] = "\033[31m",
		[STYLE_YELLOW] = "\033[33m", [STYLE_GREEN] = "\033[32m",
	};

	return color ? on[style] : "";
}

const char *style_off(bool color)
{
	return color ? "\033[0m" : "";
}

void terminal_log(void *ctx, int level, const char *module, const char *message)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	static const enum style styles[] = { STYLE_RED, STYLE_YELLOW, STYLE_DIM, STYLE_DIM };
	struct terminal *t = ctx;

	if (level < 0 || level > AIOS_LOG_DEBUG)
		level = AIOS_LOG_DEBUG;
	pthread_mutex_lock(&t->lock);
	if (level <= t->level) {
		if (t->bar_shown)
			fputs("\r\033[K", stderr);
		t->bar_shown = false;
		fprintf(stderr, "%saios: %s: %s: %s%s\n", style_on(t->color, styles[level]),
			names[level], module, message, style_off(t->color));
	}
	pthread_mutex_unlock(&t->lock);
}
