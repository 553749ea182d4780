#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/registry_session.h"
#include "cli/session.h"
#include "engine/registry/client.h"
#include "engine/registry/credentials.h"

#define SECRET_MAX (64u * 1024) /* bytes; cloud providers' tokens are long */

/* Reads standard input to its end, or to the end of the line. */
static int read_input(bool line, char **ret, struct error **err)
{
	struct buf text = { 0 };
	char c = 0;

	buf_str(&text, "");
	while (text.len < SECRET_MAX) {
		ssize_t n = read(STDIN_FILENO, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			buf_free(&text);
			return error_errno(err, ERROR_USAGE, errno, "cannot read standard input");
		}
		if (n == 0 || (line && c == '\n'))
			break;
		buf_char(&text, c);
	}
	while (text.len > 0 && strchr("\r\n", text.data[text.len - 1]))
		text.data[--text.len] = '\0';
	if (strlen(text.data) != text.len || strchr(text.data, '\n')) {
		buf_free(&text);
		return error_make(err, ERROR_USAGE, "standard input has more than one line");
	}
	*ret = buf_steal(&text);
	return 0;
}

static int login_ask(const char *question, bool hidden, char **ret, struct error **err)
{
	struct termios was, quiet;
	int r;

	if (fs_write_all(STDERR_FILENO, question, strlen(question), "standard error", err) < 0)
		return -1;
	hidden = hidden && tcgetattr(STDIN_FILENO, &was) == 0;
	if (hidden) {
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	r = read_input(true, ret, err);
	if (hidden) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		fs_write_all(STDERR_FILENO, "\n", 1, "standard error", NULL);
	}
	return r;
}

static int read_login(const struct options *options, struct credentials *ret, struct error **err)
{
	bool terminal = isatty(STDIN_FILENO);

	if (options->username)
		ret->username = mem_strdup(options->username);
	else if (terminal && !options->password_stdin && login_ask("Username: ", false, &ret->username, err) < 0)
		return -1;
	if (!ret->username || !*ret->username || strchr(ret->username, ':'))
		return error_make(err, ERROR_USAGE, "login needs a name without a colon: --username=NAME");
	if (!options->password_stdin && !terminal) {
		error_make(err, ERROR_USAGE, "login takes the password from standard input with --password-stdin only");
		error_remedy(err, "printf %%s \"$TOKEN\" | cbuild login --username=NAME --password-stdin REGISTRY");
		return -1;
	}
	if ((options->password_stdin ? read_input(false, &ret->password, err)
				     : login_ask("Password: ", true, &ret->password, err)) < 0)
		return -1;
	return *ret->password ? 0 : error_make(err, ERROR_USAGE, "the password is empty");
}

static int login(struct session *session, const char *domain, struct error **err)
{
	cleanup_credentials struct credentials credentials = { 0 };
	cleanup_free char *where = NULL;

	if (read_login(session->options, &credentials, err) < 0 ||
	    registry_login(session->registry, domain, &credentials, err) < 0 ||
	    credentials_store(session->loop, domain, &credentials, &where, err) < 0)
		return -1;
	if (!session->options->quiet)
		output_note("logged in to %s as %s, kept in %s", domain, credentials.username, where);
	return 0;
}

static int logout(struct session *session, const char *domain, struct error **err)
{
	cleanup_free char *where = NULL;
	int r = credentials_erase(session->loop, domain, &where, err);

	if (r < 0)
		return -1;
	if (!session->options->quiet)
		output_note(r ? "logged out of %s: removed from %s" : "not logged in to %s: nothing in %s", domain,
			    where);
	return 0;
}

static int login_run(const struct options *options, int (*what)(struct session *, const char *, struct error **),
		     struct error **err)
{
	cleanup_free char *domain = NULL;
	struct session session;
	int r;

	if (options->targets_len > 1)
		return error_make(err, ERROR_USAGE, "%s takes one registry", options->command);
	if (registry_session_domain(options->targets_len ? options->targets[0] : NULL, &domain, err) < 0)
		return -1;
	r = registry_session_open(&session, options, err);
	if (r == 0)
		r = what(&session, domain, err);
	session_close(&session);
	return r;
}

int cmd_login(const struct options *options, struct error **err)
{
	return login_run(options, login, err);
}

int cmd_logout(const struct options *options, struct error **err)
{
	return login_run(options, logout, err);
}
