# bash completion of tsnap(1): commands, options, folders, and paths of objects in a snapshot.

# The paths in the snapshot that the line names first after its command; unreadable ones complete to nothing.
_tsnap_paths() {
  local path
  while IFS= read -r path; do
    [[ $path != "$current"* ]] || COMPREPLY+=("$(printf %q "$path")")
  done < <(tsnap ls --paths -- "${1/#\~\//$HOME/}" 2>/dev/null)
}

_tsnap() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command='' word i
  local -a arguments=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --box | --min-age | -o | --output) ((i++)) ;;
      -*) ;;
      *) if [[ -z $command ]]; then command=$word; else arguments+=("$word"); fi ;;
    esac
  done

  if [[ -z $command ]]; then
    mapfile -t COMPREPLY < <(compgen -W 'ls info verify cat report cp rm gc --help --version' -- "$current")
    return
  fi
  case $previous in
    --box | --min-age) return ;;
    -o | --output)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
  esac
  if [[ $current == -* ]]; then
    local options=--help
    case $command in
      ls) options+=' --json --paths' ;;
      info) options+=' --json' ;;
      cat) options+=' --box --json --raw' ;;
      report) options+=' --output' ;;
      cp) options+=' --overwrite --verify' ;;
      rm) options+=' --force' ;;
      gc) options+=' --min-age --dry-run' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return
  fi
  case $command:${#arguments[@]} in
    cat:1 | ls:1) _tsnap_paths "${arguments[0]}" ;;
    report:0)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      ;;
    *:0 | cp:1)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$current")
      ;;
  esac
}

complete -F _tsnap tsnap
