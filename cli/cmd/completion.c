#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/cmd/commands.h"
#include "cli/doc/complete.h"
#include "cli/options.h"
#include "cli/output.h"

/* The shells' scripts: each calls `cbuild completion words` and presents the answer. */

/* bash splits words at "=" and ":" and replaces only the last piece. So the words are taken from the line itself,
 * and the text before that piece is removed from the completions. */
/* clang-format off: keep their lines */
static const char bash[] =
	"# bash completion for cbuild\n"
	"_cbuild()\n"
	"{\n"
	"	local line=${COMP_LINE:0:COMP_POINT} first word last before\n"
	"	local -a words=()\n"
	"	COMPREPLY=()\n"
	"	read -r -a words <<<\"$line\"\n"
	"	case $line in *[[:blank:]]) words+=('') ;; esac\n"
	"	last=${words[${#words[@]} - 1]}\n"
	"	before=${last%\"${last##*[$COMP_WORDBREAKS]}\"}\n"
	"	while IFS= read -r first; do\n"
	"		word=${first%%$'\\t'*}\n"
	"		case $word in\n"
	"		:files) compopt -o filenames; COMPREPLY+=($(compgen -f -- \"${last#\"$before\"}\")) ;;\n"
	"		:dirs) compopt -o filenames; COMPREPLY+=($(compgen -d -- \"${last#\"$before\"}\")) ;;\n"
	"		*) COMPREPLY+=(\"${word#\"$before\"}\") ;;\n"
	"		esac\n"
	"		case $word in *=) compopt -o nospace ;; esac\n"
	"	done < <(\"${words[0]}\" completion words -- \"${words[@]:1}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _cbuild cbuild\n";

static const char zsh[] = "#compdef cbuild\n"
			  "# zsh completion for cbuild\n"
			  "_cbuild()\n"
			  "{\n"
			  "	local line word\n"
			  "	local -a plain open plain_said open_said\n"
			  "	while IFS= read -r line; do\n"
			  "		word=${line%%$'\\t'*}\n"
			  "		case $word in\n"
			  "		:files) [[ $PREFIX == --*=* ]] && compset -P '*='; _files; return ;;\n"
			  "		:dirs) [[ $PREFIX == --*=* ]] && compset -P '*='; _files -/; return ;;\n"
			  "		*=) open+=(\"$word\"); open_said+=(\"$word  ${line#*$'\\t'}\") ;;\n"
			  "		*) plain+=(\"$word\"); plain_said+=(\"$word  ${line#*$'\\t'}\") ;;\n"
			  "		esac\n"
			  "	done < <(\"${words[1]}\" completion words -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
			  "	compadd -l -d plain_said -a plain\n"
			  "	compadd -l -S '' -d open_said -a open\n"
			  "}\n"
			  "if [ \"$funcstack[1]\" = _cbuild ]; then\n"
			  "	_cbuild \"$@\"\n"
			  "else\n"
			  "	compdef _cbuild cbuild\n"
			  "fi\n";

static const char fish[] = "# fish completion for cbuild\n"
			   "function __cbuild_words\n"
			   "	set -l before (commandline -opc)\n"
			   "	set -l last (commandline -ct)\n"
			   "	set -l answer ($before[1] completion words -- $before[2..-1] \"$last\" 2>/dev/null)\n"
			   "	switch \"$answer[1]\"\n"
			   "	case :files\n"
			   "		__fish_complete_path (string replace -r '^--[^=]*=' '' -- \"$last\")\n"
			   "	case :dirs\n"
			   "		__fish_complete_directories (string replace -r '^--[^=]*=' '' -- \"$last\")\n"
			   "	case '*'\n"
			   "		string join -- \\n $answer\n"
			   "	end\n"
			   "end\n"
			   "complete -c cbuild -f -a '(__cbuild_words)'\n";
/* clang-format on */

static int completion_add(struct buf *out, const struct options *options, struct error **err)
{
	const char *shell = options->targets_len ? options->targets[0] : "";

	if (strcmp(shell, "words") == 0) {
		complete_words(options->commands, options->targets + 1, options->targets_len - 1, out);
		return 0;
	}
	if (options->targets_len == 1 && strcmp(shell, "bash") == 0)
		buf_str(out, bash);
	else if (options->targets_len == 1 && strcmp(shell, "zsh") == 0)
		buf_str(out, zsh);
	else if (options->targets_len == 1 && strcmp(shell, "fish") == 0)
		buf_str(out, fish);
	else
		return error_make(err, ERROR_USAGE, "`cbuild completion` takes one of bash, zsh or fish");
	return 0;
}

int cmd_completion(const struct options *options, struct error **err)
{
	cleanup_buf struct buf out = { 0 };

	return completion_add(&out, options, err) < 0 ? -1 : output_data(out.data, out.len, err);
}
