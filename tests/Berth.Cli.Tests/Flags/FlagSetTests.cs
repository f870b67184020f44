using Berth.Cli.Flags;

namespace Berth.Cli.Tests.Flags;

public sealed class FlagSetTests
{
    private readonly List<string> environment = [];
    private bool interactive;
    private bool tty;
    private bool remove;
    private string name = "";
    private long count = -1;

    [Theory]
    [InlineData("-it --name x img ls -l", "img ls -l")]
    [InlineData("-i -t --name=x img ls -l", "img ls -l")]
    [InlineData("-tin x img ls -l", "img ls -l")]
    [InlineData("-itnx img --name y", "img --name y")]
    [InlineData("-it -n=x -- -img", "-img")]
    public void Takes_every_spelling_and_ends_at_the_first_argument(string line, string rest)
    {
        List<string> positional = Build(interspersed: false).Parse(line.Split(' '));

        Assert.Equal((true, true, "x"), (interactive, tty, name));
        Assert.Equal(rest, string.Join(' ', positional));
    }

    [Fact]
    public void Interspersed_flags_are_found_after_arguments()
    {
        Assert.Equal(["a", "b"], Build(interspersed: true).Parse(["a", "-i", "b", "--count", "3"]));
        Assert.True(interactive);
        Assert.Equal(3, count);
    }

    [Fact]
    public void Repeated_flags_append_and_switches_can_be_switched_off()
    {
        FlagSet flags = Build(interspersed: false);
        flags.Parse(["-e", "A=1", "-eB", "--env=C=", "--rm", "--rm=false"]);

        Assert.Equal(["A=1", "B", "C="], environment);
        Assert.False(remove);
        Assert.True(flags.Changed("rm"));
    }

    [Theory]
    [InlineData("--bogus", "unknown flag: --bogus")]
    [InlineData("-iz", "unknown shorthand flag: 'z' in -iz")]
    [InlineData("--name", "flag needs an argument: --name")]
    [InlineData("-in", "flag needs an argument: 'n' in -in")]
    [InlineData("--count x", "invalid argument \"x\" for \"-c, --count\" flag: strconv.ParseInt: parsing \"x\": invalid syntax")]
    [InlineData("--rm=maybe", "invalid argument \"maybe\" for \"--rm\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax")]
    public void Bad_lines_are_refused_in_dockers_words(string line, string message)
    {
        FlagValueException exception = Assert.Throws<FlagValueException>(() => Build(interspersed: true).Parse(line.Split(' ')));
        Assert.Equal(message, exception.Message);
    }

    [Theory]
    [InlineData("--help", false)]
    [InlineData("-h", true)]
    public void Help_is_asked_for(string flag, bool deprecated) =>
        Assert.Equal(deprecated, Assert.Throws<HelpRequestedException>(() => Build(interspersed: true).Parse([flag])).DeprecatedShorthand);

    private FlagSet Build(bool interspersed)
    {
        var flags = new FlagSet { Interspersed = interspersed };
        flags.Switch("interactive", 'i', "", value => interactive = value);
        flags.Switch("tty", 't', "", value => tty = value);
        flags.Switch("rm", null, "", value => remove = value);
        flags.Text("name", 'n', "", value => name = value);
        flags.List("env", 'e', "", environment);
        flags.Number("count", 'c', "", value => count = value);
        return flags;
    }
}
