#!/bin/sh
# Runs what the host sends over the second serial port, one command at a time:
#   in   ID SECONDS COMMAND       (the command in base64)
#   out  unstall ready BOOT-ID
#   out  unstall done ID CODE =OUTPUT =ERRORS   (both in base64)
exec </dev/ttyS1 >/dev/ttyS1
stty raw -echo
work=/run/unstall-agent
mkdir -p $work
printf '\nunstall ready %s\n' "$(cat /proc/sys/kernel/random/boot_id)"
while read -r id seconds command; do
  printf %s "$command" | base64 -d >$work/command
  timeout -s KILL "$seconds" sh $work/command </dev/null >$work/out 2>$work/err
  code=$?
  printf '\nunstall done %s %s =%s =%s\n' "$id" "$code" "$(base64 $work/out | tr -d '\n')" "$(base64 $work/err | tr -d '\n')"
done
