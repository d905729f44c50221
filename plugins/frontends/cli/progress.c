/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.c - how far loading or a batch has come: a bar on a terminal, elsewhere one line
 * every five seconds for those who asked for information.
 */
#include <string.h>
#include <unistd.h>

#include "terminal.h"
#include "text.h"

#define SECOND 1000000000u

enum {
	BAR_CELLS = 24,
	BAR_LINE = 256, /* longest line drawn */
};

void terminal_progress_begin(struct terminal *t, const char *title)
{
	pthread_mutex_lock(&t->lock);
	snprintf(t->bar_title, sizeof(t->bar_title), "%s", title);
	t->bar_began = t->bar_told = clock_ns();
	t->bar_drawn = 0;
	pthread_mutex_unlock(&t->lock);
}

/* "540.0 MiB of 1.1 GiB, 812.3 MiB/s, 2 s left" */
static void describe(char *out, size_t size, uint64_t done, uint64_t total, uint64_t elapsed)
{
	char have[HUMAN], all[HUMAN], rate[HUMAN];
	double per_second = elapsed ? (double)done * SECOND / (double)elapsed : 0;
	double left = per_second > 0 ? (double)(total - done) / per_second : 0;

	snprintf(out, size, "%s of %s, %s/s, %.0f s left", human_bytes(have, done),
		 human_bytes(all, total), human_bytes(rate, (uint64_t)per_second), left);
}

static void draw(struct terminal *t, uint64_t done, uint64_t total, const char *facts, uint64_t now)
{
	unsigned columns = terminal_columns(STDERR_FILENO);
	unsigned filled = (unsigned)((double)done / (double)total * BAR_CELLS);
	char cells[BAR_CELLS + 1], line[BAR_LINE];

	memset(cells, ' ', BAR_CELLS);
	memset(cells, '=', filled);
	if (filled < BAR_CELLS)
		cells[filled] = '>';
	cells[BAR_CELLS] = '\0';
	snprintf(line, sizeof(line), "%.63s [%s] %3u %%  %.127s", t->bar_title, cells,
		 (unsigned)((double)done * 100 / (double)total), facts);
	if (columns < sizeof(line))
		line[columns - 1] = '\0';
	fprintf(stderr, "\r%s%s%s\033[K", style_on(t->color, STYLE_DIM), line, style_off(t->color));
	fflush(stderr);
	t->bar_shown = true;
	t->bar_drawn = now;
}

static void tell(struct terminal *t, const char *facts, uint64_t now)
{
	fprintf(stderr, "aios: info: %s: %s\n", t->bar_title, facts);
	t->bar_told = now;
}

/* What loads at once shows nothing; a bar that flashes up helps nobody. */
static bool wants_bar(const struct terminal *t, uint64_t now)
{
	return t->bar && now - t->bar_began > SECOND / 4 && now - t->bar_drawn > SECOND / 10;
}

static bool wants_line(const struct terminal *t, uint64_t now)
{
	return !t->bar && t->level >= AIOS_LOG_INFO && now - t->bar_told > 5ull * SECOND;
}

static void show(struct terminal *t, uint64_t done, uint64_t total, const char *facts)
{
	uint64_t now = clock_ns();
	char bytes[128];

	if (!total)
		return;
	if (done > total)
		done = total;
	pthread_mutex_lock(&t->lock);
	if (!facts && (wants_bar(t, now) || wants_line(t, now))) {
		describe(bytes, sizeof(bytes), done, total, now - t->bar_began);
		facts = bytes;
	}
	if (wants_bar(t, now))
		draw(t, done, total, facts, now);
	else if (wants_line(t, now))
		tell(t, facts, now);
	pthread_mutex_unlock(&t->lock);
}

void terminal_progress(void *ctx, uint64_t done, uint64_t total)
{
	show(ctx, done, total, NULL);
}

void terminal_progress_facts(struct terminal *t, uint64_t done, uint64_t total, const char *facts)
{
	show(t, done, total, facts);
}

void terminal_progress_end(struct terminal *t)
{
	pthread_mutex_lock(&t->lock);
	if (t->bar_shown) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	t->bar_shown = false;
	pthread_mutex_unlock(&t->lock);
}
