# A system bus in between: passes everything on and stops where /run/hold says.
#   perl bus.pl [LISTEN [BUS]]
#   MEMBER N       before the Nth call of this member, in all connections
#   reply MEMBER   before the answer to it
# What was called is in /run/calls; that it stopped, in /run/held.
use strict;
use IO::Select;
use IO::Socket::UNIX;

my $here = $ARGV[0] // '/run/bus';
my $real = $ARGV[1] // '/run/dbus/system_bus_socket';
open my $file, '<', '/run/hold' or die;
my ($first, $second) = split ' ', <$file>;
my ($member, $count) = $first eq 'reply' ? ($second, 0) : ($first, $second);

my $listener = IO::Socket::UNIX->new(Local => $here, Listen => 8) or die "listen: $!";
chmod 0666, $here;
open my $pid, '>', '/run/bus.pid' or die;
print $pid $$;
close $pid;
$SIG{CHLD} = 'IGNORE';

sub note { open my $out, '>>', $_[0] or die; print $out "$_[1]\n"; close $out }
sub calls { open my $in, '<', '/run/calls' or return 0; return scalar grep { $_ eq "$member\n" } <$in> }
sub stop { note('/run/held', $member); sleep 100000 }

while (my $client = $listener->accept) {
    next if fork;
    $SIG{CHLD} = 'DEFAULT';
    my $bus = IO::Socket::UNIX->new(Peer => $real) or die;
    my $both = IO::Select->new($client, $bus);
    my $is_called = 0;
    while (my @ready = $both->can_read) {
        for my $from (@ready) {
            sysread($from, my $bytes, 65536) or exit;
            if ($from == $client) {
                # The member's length, itself, and its end: CanReboot is not Reboot.
                if ($bytes =~ /\0\0\0\Q$member\E\0/) {
                    note('/run/calls', $member);
                    $is_called = 1;
                    stop() if $count && calls() >= $count;
                }
                syswrite($bus, $bytes);
            } else {
                stop() if !$count && $is_called;
                syswrite($client, $bytes);
            }
        }
    }
}
