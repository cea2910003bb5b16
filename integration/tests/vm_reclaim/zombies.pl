# Zombie memory cgroups below a directory of the memory hierarchy:
#   perl zombies.pl PARENT COUNT PAGES FILE
# Each gets PAGES pages of FILE that nobody else has touched, and is removed.
use Fcntl;
my ($parent, $count, $pages, $file) = @ARGV;
my ($home) = $parent =~ m{^(/sys/fs/cgroup(?:/memory)?)};

sub enter {
  open my $procs, '>', "$_[0]/cgroup.procs" or die "$_[0]: $!\n";
  print $procs "0\n";
  close $procs or die "$_[0]: $!\n";
}

sysopen my $data, $file, O_RDWR | O_CREAT or die "$file: $!\n";
my $block = 'x' x (4096 * $pages);
for my $number (1 .. $count) {
  my $cgroup = "$parent/zombie-$number";
  mkdir $cgroup or die "$cgroup: $!\n";
  enter $cgroup;
  syswrite($data, $block) == length $block or die "$file: $!\n";
  enter $home;
  rmdir $cgroup or die "$cgroup: $!\n";
}
