# fish completion of tsnap(1): commands, options, folders, and paths of objects in a snapshot.

# The arguments after the command that are no options.
function __tsnap_arguments
    set -l words (commandline -opc)
    set -l skip 0
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case --box --min-age -o --output
                set skip 1
            case '-*'
            case '*'
                echo -- $word
        end
    end
end

function __tsnap_needs_command
    test (count (__tsnap_arguments)) = 0
end

# __tsnap_at NUMBER COMMAND...: whether that many arguments follow one of these commands.
function __tsnap_at
    set -l arguments (__tsnap_arguments)
    test (count $arguments) = (math $argv[1] + 1); and contains -- $arguments[1] $argv[2..-1]
end

function __tsnap_runs
    set -l arguments (__tsnap_arguments)
    test (count $arguments) -gt 0; and contains -- $arguments[1] $argv
end

function __tsnap_paths
    set -l arguments (__tsnap_arguments)
    tsnap ls --paths -- $arguments[2] 2>/dev/null
end

complete -c tsnap -f
complete -c tsnap -s h -l help -d 'Print help'
complete -c tsnap -n __tsnap_needs_command -l version -d 'Print the version'
complete -c tsnap -n __tsnap_needs_command -a ls -d 'List the objects of a snapshot'
complete -c tsnap -n __tsnap_needs_command -a info -d 'Tell about a snapshot'
complete -c tsnap -n __tsnap_needs_command -a verify -d 'Read and check all stored bytes'
complete -c tsnap -n __tsnap_needs_command -a cat -d 'Print the value of an object'
complete -c tsnap -n __tsnap_needs_command -a report -d 'Draw a trace or a snapshot as one HTML page'
complete -c tsnap -n __tsnap_needs_command -a cp -d 'Copy a snapshot to another place'
complete -c tsnap -n __tsnap_needs_command -a rm -d 'Remove a snapshot'
complete -c tsnap -n __tsnap_needs_command -a gc -d 'Remove the data of takes that never committed'
complete -c tsnap -n '__tsnap_at 0 ls info verify cat cp rm gc' -a '(__fish_complete_directories)'
complete -c tsnap -n '__tsnap_at 1 cp' -a '(__fish_complete_directories)'
complete -c tsnap -n '__tsnap_at 0 report' -F
complete -c tsnap -n '__tsnap_at 1 ls cat' -a '(__tsnap_paths)'
complete -c tsnap -n '__tsnap_runs ls info cat' -l json -d 'Print JSON'
complete -c tsnap -n '__tsnap_runs ls' -l paths -d 'Print paths only'
complete -c tsnap -n '__tsnap_runs cat' -l box -x -d 'Ranges such as 0:4,10:20'
complete -c tsnap -n '__tsnap_runs cat' -l raw -d 'Print the bytes as they are'
complete -c tsnap -n '__tsnap_runs report' -s o -l output -r -F -d 'The page to write'
complete -c tsnap -n '__tsnap_runs cp' -l overwrite -d 'Replace another snapshot that is there'
complete -c tsnap -n '__tsnap_runs cp' -l verify -d 'Check all bytes of the copy'
complete -c tsnap -n '__tsnap_runs rm' -s f -l force -d 'No error when there is no snapshot'
complete -c tsnap -n '__tsnap_runs gc' -l min-age -x -d 'Seconds since a sign of life'
complete -c tsnap -n '__tsnap_runs gc' -s n -l dry-run -d 'Say what would be removed'
