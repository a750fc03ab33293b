# Read by each shell of this example: a prompt, colours, and what there is to do.
PS1='\[\e[38;5;79m\]\h\[\e[0m\] \[\e[38;5;110m\]\w\[\e[0m\] \[\e[38;5;222m\]❯\[\e[0m\] '
PROMPT_COMMAND='printf "\e]0;%s\a" "${PWD/#$HOME/\~}"'
trap 'printf "\e]0;%s\a" "${BASH_COMMAND%% *}"' DEBUG
alias ls='ls --color=auto' ll='ls -l --color=auto' grep='grep --color=auto'
HISTCONTROL=ignoreboth
printf '\e[1mA computer of its own\e[0m, behind a wall: %s.\n' "$(uname -sr)"
printf 'Files in \e[38;5;110m/workspace\e[0m stay. Try \e[38;5;222mpython life.py\e[0m, \e[38;5;222mps ax\e[0m, or \e[38;5;222myes\e[0m.\n\n'
