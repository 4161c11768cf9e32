#!/bin/sh
# Who may include whom. A folder may always include itself; a line says the rest.
# usage: layers.sh source-folder
set -eu
cd "$1"
allowed() {
    case $1 in
    base) ;;
    stats) echo base ;;
    proto | net | http | hfhub | lm | data | prefs) echo base ;;
    ratings) echo base stats data ;;
    member) echo base proto net ;;
    follow) echo base proto net member lm ;;
    reward) echo base proto lm ;;
    broker) echo base proto net ;;
    actor) echo base proto net member follow lm ;;
    rewarder) echo base proto net member lm reward ;;
    examples) echo base stats lm ;;
    ratings) echo base stats data ;;
    eval) echo base stats proto lm data reward examples ;;
    serve) echo base http lm eval ;;
    annotate) echo base http prefs ratings stats data lm eval ;;
    deploy) echo base proto net reward ;;
    bench) echo base stats prefs annotate lm ;;
    cli) echo bench follow learner base stats proto net http hfhub prefs annotate serve lm data ratings reward eval deploy examples ;;
    learner) echo base stats proto net member lm data hfhub reward annotate ;;
    lm/kernel | lm/text | reward/* | broker/bulk | data/columns | annotate/exchange) ;;
    lm/model) echo lm/kernel ;;
    lm/optim) echo lm/model ;;
    lm/gen | lm/file) echo lm/kernel lm/model lm/text ;;
    learner/objective | learner/journal) ;;
    learner/step) echo learner/objective ;;
    learner/corpus | learner/run) echo learner/step ;;
    learner/offline) echo learner/corpus learner/objective learner/run learner/step ;;
    learner/iteration) echo learner/journal learner/objective learner/run learner/step ;;
    learner/methods) echo learner/corpus learner/journal learner/objective learner/offline learner/iteration learner/run learner/step ;;
    learner/inputs) echo learner/journal learner/run learner/step ;;
    learner/train) echo learner/inputs learner/journal learner/objective learner/iteration learner/run learner/step ;;
    learner/context) echo learner/inputs learner/journal learner/methods learner/objective learner/iteration learner/run learner/step learner/train ;;
    learner/fleet) echo learner/context learner/inputs learner/journal learner/methods learner/objective learner/iteration learner/run learner/step learner/train ;;
    esac
}
status=0
for folder in base stats proto net http hfhub prefs lm data ratings member reward eval annotate serve deploy examples broker follow actor rewarder learner bench cli; do
    [ -d "$folder" ] || continue
    for used in $(grep -rhoE '^#include "[a-z]+/' --include='*.[ch]' --include='*.inc' "$folder" | cut -d'"' -f2 | tr -d / | sort -u); do
        case " $folder $(allowed "$folder") " in
        *" $used "*) ;;
        *) echo "$folder may not include $used" && status=1 ;;
        esac
    done
done
# Rooms of a folder, and who may enter which.
for folder in lm reward learner broker data annotate; do
    for room in "$folder"/*/; do
        room=${room%/}
        [ -d "$room" ] || continue
        for used in $(grep -rhoE "^#include \"$folder/[a-z]+/" --include='*.[ch]' --include='*.inc' "$room" | cut -d'"' -f2 | sed 's,/$,,' | sort -u); do
            case " $room $(allowed "$room") " in
            *" $used "*) ;;
            *) echo "$room may not include $used" && status=1 ;;
            esac
        done
    done
done
exit $status
