/**
 * The bash program that evaluates the settings files. Its arguments: the defaults file and the variant (empty: none).
 * Before it stands an array `__gid_settings` with four words for each setting: name, default, what the default replaces
 * (`unset` or `empty`), old spelling (or empty). It answers on its stdout in words that each end in NUL:
 *
 *     set NAME VALUE              a variable's value: first in the environment, then after each file
 *     array NAME                  it is an array: only its first element counts
 *     old NAME                    its old spelling was used
 *     first                       the values of the environment end here
 *     stage FILE STATUS HOW LINE  FILE (`defaults` or `variant`) has ended, by HOW: `end` (its end, or `return`),
 *                                 `exit`, or `broken` (a failed command or an error of syntax, at LINE where known)
 *     nofile                      there is no readable file for the variant
 *     environment ENTRY... done   the environment that a child would inherit now
 *
 * The files are evaluated under `set -e`, as in the original's scripts. They may do all that shell scripts can: leave
 * by `exit` (a function here, so that their EXIT trap cannot hide it), set traps and options, print, redirect, and define
 * functions named like builtins. In POSIX mode bash finds special builtins before functions, and an assignment switches
 * that mode on, so `unset -f` works with any functions they define. The variant is read in a subshell of the shell that
 * read the defaults file, because that shell may already be exiting.
 */
export const settingsShell = `
unset GID_SETTINGS_SHELL
exec {__gid_out}>&1 1>&2
__gid_defaults=$1 __gid_variant=$2
set --
declare -A __gid_earlier=()

__gid_say() { printf '%s\\0' "$@" >&"$__gid_out"; }

exit() {
  __gid_status=$?
  if [[ $BASH_SUBSHELL == "$__gid_level" ]]; then __gid_end "\${1-$__gid_status}" exit; fi
  builtin exit "\${1-$__gid_status}"
}

__gid_values() {
  local __gid_i __gid_name __gid_second __gid_words=()
  for ((__gid_i = 0; __gid_i < \${#__gid_settings[@]}; __gid_i += 4)); do
    __gid_name=\${__gid_settings[__gid_i]}
    __gid_respell "$__gid_name" "\${__gid_settings[__gid_i + 3]}"
    if [[ -v $__gid_name ]]; then __gid_words+=(set "$__gid_name" "\${!__gid_name}"); fi
    __gid_second="\${__gid_name}[1]"
    if [[ -v $__gid_second ]]; then __gid_words+=(array "$__gid_name"); fi
  done
  if [[ \${#__gid_words[@]} != 0 ]]; then __gid_say "\${__gid_words[@]}"; fi
}

__gid_respell() {
  [[ $2 ]] || return 0
  if [[ \${!2-} && \${!2} != "\${__gid_earlier[$2]-}" ]]; then
    if [[ \${!1-} == "\${__gid_earlier[$1]-}" ]]; then printf -v "$1" %s "\${!2}"; fi
    __gid_say old "$1"
  fi
  __gid_earlier[$1]=\${!1-} __gid_earlier[$2]=\${!2-}
}

__gid_fill() {
  local __gid_i __gid_name
  for ((__gid_i = 0; __gid_i < \${#__gid_settings[@]}; __gid_i += 4)); do
    __gid_name=\${__gid_settings[__gid_i]}
    if [[ -v $__gid_name && (\${!__gid_name} || \${__gid_settings[__gid_i + 2]} == unset) ]]; then continue; fi
    printf -v "$__gid_name" %s "\${__gid_settings[__gid_i + 1]}"
  done
}

__gid_begin() {
  __gid_stage=$1 __gid_level=$BASH_SUBSHELL __gid_line= __gid_where= __gid_ended=
  trap '__gid_end "$?" "\${BASH_SOURCE[0]-}"' EXIT
  trap '__gid_line=$LINENO __gid_where=\${BASH_SOURCE[0]-}' ERR
}

__gid_end() {
  POSIXLY_CORRECT=1
  \\unset -f builtin unset set trap printf declare local return command shift eval exit : [
  \\unset POSIXLY_CORRECT
  trap - ERR DEBUG RETURN
  set +aefuvx
  if [[ $__gid_ended || $BASH_SUBSHELL != "$__gid_level" ]]; then return 0; fi
  __gid_ended=1
  local __gid_how=end
  if [[ $2 == exit ]]; then
    __gid_how=exit
  elif [[ $1 != 0 && ($2 != @(|environment) || $__gid_where != @(|environment)) ]]; then
    __gid_how=broken
  fi
  __gid_values
  __gid_say stage "$__gid_stage" "$1" "$__gid_how" "$__gid_line"
  if [[ $__gid_stage == defaults ]]; then
    __gid_fill
    (__gid_read_variant)
  else
    __gid_finish
  fi
}

__gid_read_variant() {
  local __gid_file=$VARIANTS_DIR/$__gid_variant.conf
  if [[ ! $__gid_variant ]]; then __gid_finish; return 0; fi
  if [[ ! -f $__gid_file || ! -r $__gid_file ]]; then __gid_say nofile; __gid_finish; return 0; fi
  exit() {
    __gid_status=$?
    if [[ $BASH_SUBSHELL == "$__gid_level" ]]; then __gid_end "\${1-$__gid_status}" exit; fi
    builtin exit "\${1-$__gid_status}"
  }
  __gid_begin variant
  shift "$#"
  set -e
  . "$__gid_file"
  __gid_end 0 ''
}

__gid_finish() {
  __gid_say environment
  command -p env -0 >&"$__gid_out"
  __gid_say done
}

__gid_values
__gid_say first
__gid_begin defaults
if [[ $__gid_defaults ]]; then
  set -e
  . "$__gid_defaults"
fi
__gid_end 0 ''
`;
