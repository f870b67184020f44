using Berth.Dockerfile;
using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Parsing;
using Berth.Model;

namespace Berth.Dockerfile.Tests.Dockerfile;

public sealed class ExpansionTests
{
    private static readonly Dictionary<string, string> Variables = new(StringComparer.Ordinal)
    {
        ["a"] = "hello", ["e"] = "", ["two"] = "x y", ["s"] = "foobarbaz", ["p"] = "/usr/local/bin", ["star"] = "a*b*c", ["q"] = "a'b", ["u"] = "aéb😀c", ["_1"] = "under",
    };

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("$a", "hello")]
    [InlineData("${a}", "hello")]
    [InlineData("${a}x$a-$a", "hellox" + "hello-hello")]
    [InlineData("$ax", "")]
    [InlineData("$_1", "under")]
    [InlineData("$none.", ".")]
    [InlineData("$", "$")]
    [InlineData("a$", "a$")]
    [InlineData("$ x", "$ x")]
    [InlineData("\\$a", "$a")]
    [InlineData("\\${a}", "${a}")]
    [InlineData("\\\\$a", "\\hello")]
    [InlineData("x\\", "x")]
    [InlineData("\\x", "x")]
    [InlineData("'$a'", "$a")]
    [InlineData("'\\'", "\\")]
    [InlineData("\"$a\"", "hello")]
    [InlineData("\"\\$a\"", "$a")]
    [InlineData("\"\\\"\"", "\"")]
    [InlineData("\"\\x\"", "\\x")]
    [InlineData("\"'$a'\"", "'hello'")]
    [InlineData("a'b'\"c\"", "abc")]
    [InlineData("\"\"", "")]
    [InlineData("$q", "a'b")] // what comes out of a variable is not looked at again
    [InlineData("$1", "")]
    [InlineData("$@x", "x")]
    [InlineData("${a:-d}", "hello")]
    [InlineData("${e:-d}", "d")]
    [InlineData("${e-d}", "")]
    [InlineData("${n:-d}", "d")]
    [InlineData("${n-d}", "d")]
    [InlineData("${n:-}", "")]
    [InlineData("${a:+d}", "d")]
    [InlineData("${e:+d}", "")]
    [InlineData("${e+d}", "d")]
    [InlineData("${n+d}", "")]
    [InlineData("${n:+d}", "")]
    [InlineData("${a:?no}", "hello")]
    [InlineData("${e?no}", "")]
    [InlineData("${n:-$a}", "hello")]
    [InlineData("${n:-${e:-${a}}}", "hello")]
    [InlineData("${n:-'$a'}", "$a")]
    [InlineData("${n:-\"$a\"}", "hello")]
    [InlineData("${n:-a\\}b}", "a}b")]
    [InlineData("${s#f*b}", "arbaz")]
    [InlineData("${s##f*b}", "az")]
    [InlineData("${s%b*}", "foobar")]
    [InlineData("${s%%b*}", "foo")]
    [InlineData("${s#x}", "foobarbaz")]
    [InlineData("${s#???}", "barbaz")]
    [InlineData("${s#}", "foobarbaz")]
    [InlineData("${s##*}", "")]
    [InlineData("${s%%*}", "")]
    [InlineData("${p##*/}", "bin")]
    [InlineData("${p%/*}", "/usr/local")]
    [InlineData("${p#/*/}", "local/bin")]
    [InlineData("${n#x}", "")]
    [InlineData("${s/ba/fo}", "fooforbaz")]
    [InlineData("${s//ba/fo}", "fooforfoz")]
    [InlineData("${s/o/}", "fobarbaz")]
    [InlineData("${s//b?/X}", "fooXrXz")]
    [InlineData("${s/b*/X}", "fooX")]
    [InlineData("${s//*/X}", "X")]
    [InlineData("${p//\\//.}", ".usr.local.bin")]
    [InlineData("${star/\\*/x}", "axb*c")]
    [InlineData("${star//\\*/x}", "axbxc")]
    [InlineData("${star#a\\*}", "b*c")]
    [InlineData("${star%\\*c}", "a*b")]
    [InlineData("${s/$e/x}", "xfoobarbaz")]
    [InlineData("${s/foo/$a}", "hellobarbaz")]
    [InlineData("${u#a?b?}", "c")]
    [InlineData("${u%?c}", "aéb")]
    public void AWordIsExpanded(string word, string expected) => Assert.Equal(expected, Expand(word).Text);

    [Theory]
    [InlineData("a b", "a|b")]
    [InlineData("$two", "x|y")]
    [InlineData("\"$two\"", "x y")]
    [InlineData("'a b' c", "a b|c")]
    [InlineData("a\\ b", "a b")]
    [InlineData("x$two-z", "xx|y-z")]
    [InlineData("  a  ", "a")]
    [InlineData("$e", "")]
    [InlineData("\"\"", "")]
    [InlineData("${n:-1 2}", "1|2")]
    public void AWordIsSplit(string word, string expected) => Assert.Equal(expected, string.Join('|', Expand(word).Words));

    [Theory]
    [InlineData("`$a", "$a")]
    [InlineData("C:\\$a\\x", "C:\\hello\\x")]
    [InlineData("\"`\"\"", "\"")]
    [InlineData("``", "`")]
    public void TheEscapeCharacterMayBeABacktick(string word, string expected) => Assert.Equal(expected, Expand(word, '`').Text);

    [Theory]
    [InlineData("'x", "unexpected end of statement while looking for matching single-quote")]
    [InlineData("\"x", "unexpected end of statement while looking for matching double-quote")]
    [InlineData("${", "syntax error: missing '}'")]
    [InlineData("${a", "syntax error: missing '}'")]
    [InlineData("${a:", "syntax error: missing '}'")]
    [InlineData("${a:-", "syntax error: missing '}'")]
    [InlineData("${{a}}", "syntax error: bad substitution")]
    [InlineData("${a@x}", "unsupported modifier (@) in substitution")]
    [InlineData("${a:=x}", "unsupported modifier (:=) in substitution")]
    [InlineData("${a/x}", "syntax error: missing '/' in ${}")]
    [InlineData("${a/x/y", "syntax error: missing '}'")]
    [InlineData("${n?}", "n: is not allowed to be unset")]
    [InlineData("${e:?}", "e: is not allowed to be empty")]
    [InlineData("${n:?gone away}", "n: gone away")]
    [InlineData("${a#\\x}", "invalid pattern (\\x) in substitution: invalid escape '\\x'")]
    public void AWordIsRefused(string word, string reason) =>
        Assert.EndsWith(": " + reason, Assert.Throws<DockerfileException>(() => Expand(word)).Message, StringComparison.Ordinal);

    [Fact]
    public void HowAWordUsesVariablesIsTold()
    {
        ExpandedWord word = Expand("$a $none ${other:-$third} ${e}");
        Assert.Equal(["a", "e"], word.Used.Order(StringComparer.Ordinal));
        Assert.Equal(["none", "third"], word.Undefined.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("ENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc", "abc=bye def=hello ghi=bye")]
    [InlineData("ENV old value  with $FROM_IMAGE", "old=value  with yes")]
    [InlineData("ENV a=hello b=\"two words\" c=\\ x", "a=hello b=two words c= x")]
    [InlineData("ENV a=x\nENV esc=\\$a dq=\"$a\" br=${a}x sq='$a'", "a=x br=xx dq=x esc=$a sq=$a")]
    [InlineData("ARG A=def\nARG B\nENV X=$A Y=${B:-fallback} Z=${A:+set}", "X=def Y=fallback Z=set")]
    [InlineData("ARG A=1\nENV A=2\nARG A=3\nENV X=$A", "A=2 X=2")]
    [InlineData("ENV PRE=x\nENV ${PRE}_name=v", "PRE=x x_name=v")]
    public void AStageHasItsVariables(string body, string expected)
    {
        StageScope scope = TestFile.Expand(TestFile.Read("FROM img\n" + body)).Scope;
        Assert.Equal(expected, string.Join(' ', scope.Environment.Where(static pair => pair.Key != "FROM_IMAGE").OrderBy(static pair => pair.Key, StringComparer.Ordinal).Select(static pair => $"{pair.Key}={pair.Value}")));
    }

    [Theory]
    [InlineData("ARG V=1\nFROM i\nENV X=[$V]", "[]")] // global, not declared in the stage
    [InlineData("ARG V=1\nFROM i\nARG V\nENV X=[$V]", "[1]")]
    [InlineData("ARG V=1\nFROM i\nARG V=2\nENV X=[$V]", "[2]")]
    [InlineData("FROM i AS a\nARG V=1\nFROM a\nENV X=[$V]", "[1]")] // a stage has what the one it begins with has
    [InlineData("FROM i AS a\nARG V=1\nFROM i\nENV X=[$V]", "[]")]
    [InlineData("FROM i\nENV X=[$TARGETOS]", "[]")]
    [InlineData("FROM i\nARG TARGETOS\nENV X=[$TARGETOS]", "[linux]")]
    [InlineData("FROM i\nARG G\nENV X=[$G]", "[given]")]
    [InlineData("FROM i\nARG G=d\nENV X=[$G]", "[given]")]
    [InlineData("ARG G=d\nARG H=${G}!\nFROM i\nARG H\nENV X=[$H]", "[given!]")]
    [InlineData("FROM i\nENV X=[$G]", "[]")]
    [InlineData("FROM i\nENV X=[$HTTP_PROXY]", "[]")]
    [InlineData("FROM i\nARG HTTP_PROXY\nENV X=[$HTTP_PROXY]", "[proxy]")]
    public void ArgsAreSeenWhereTheyAreDeclared(string file, string expected) =>
        Assert.Equal(expected, TestFile.Expand(TestFile.Read(file), ("G", "given"), ("HTTP_PROXY", "proxy")).Scope.Environment["X"]);

    [Fact]
    public void ARunGetsEverything()
    {
        StageScope scope = TestFile.Expand(TestFile.Read("FROM i\nARG A=arg\nARG B=arg\nENV B=env"), ("https_proxy", "p")).Scope;
        Assert.Equal("arg env p", $"{scope.RunEnvironment["A"]} {scope.RunEnvironment["B"]} {scope.RunEnvironment["https_proxy"]}");
        Assert.DoesNotContain("https_proxy", scope.Environment.Keys);
    }

    [Fact]
    public void FromSeesGlobalArgs()
    {
        ParsedDockerfile file = TestFile.Read("ARG TAG=1 NAME=img\nFROM --platform=$BUILDPLATFORM $NAME:${TAG}-x AS a\n");
        var global = new GlobalScope(file, new BuildInputs { Build = new Platform("linux", "arm", "v7"), Arguments = new Dictionary<string, string>(StringComparer.Ordinal) { ["TAG"] = "2", ["NO"] = "x" } });
        Assert.Equal(new FromTarget("img:2-x", "linux/arm/v7"), global.ExpandFrom(file.Stages[0]));
        Assert.Equal(["NO"], global.FindUnused());
    }

    [Fact]
    public void OnlySomeInstructionsHaveVariables()
    {
        const string Body = """
            ENV v=x
            WORKDIR /$v
            USER $v
            LABEL $v=$v
            VOLUME /$v /b$v
            EXPOSE ${v:+80} 90/udp
            STOPSIGNAL $v
            COPY --chown=$v --chmod=$v --exclude=$v $v "${v}" /$v
            ADD --checksum=$v <<EOF <<'RAW' /d/
            $v "q" \$v
            EOF
            $v
            RAW
            RUN --mount=type=cache,target=/$v,id=$v echo $v
            CMD echo $v
            ENTRYPOINT ["$v"]
            """;
        IReadOnlyList<Instruction> all = TestFile.Expand(TestFile.Read("FROM img\n" + Body)).Instructions;
        Assert.Equal("/x", all.OfType<WorkdirInstruction>().Single().Path);
        Assert.Equal("x", all.OfType<UserInstruction>().Single().User);
        Assert.Equal(new KeyValue("x", "x"), all.OfType<LabelInstruction>().Single().Labels.Single());
        Assert.Equal(["/x", "/bx"], all.OfType<VolumeInstruction>().Single().Paths);
        Assert.Equal(["80/tcp", "90/udp"], ExposedPorts.Parse(all.OfType<ExposeInstruction>().Single().Specs));
        CopyInstruction copy = all.OfType<CopyInstruction>().Single();
        Assert.Equal("x x x x,x /x", $"{copy.Chown} {copy.Chmod} {copy.Excludes.Single()} {string.Join(',', copy.Sources)} {copy.Destination}");
        AddInstruction add = all.OfType<AddInstruction>().Single();
        Assert.Equal(["x \"q\" $v\n", "$v\n"], add.Files.Select(static file => file.Content));
        RunMount mount = all.OfType<RunInstruction>().Single().Mounts.Single();
        Assert.Equal("/x x", $"{mount.Target} {mount.Id}");
        Assert.Equal(["echo $v"], all.OfType<RunInstruction>().Single().Command.Words);
        Assert.Equal(["$v"], all.OfType<EntrypointInstruction>().Single().Command.Words);
    }

    [Fact]
    public void ExpansionHasLimits()
    {
        string doubled = "ENV a=" + new string('x', 1000) + "\n" + string.Concat(Enumerable.Repeat("ENV a=$a$a\n", 20));
        Assert.Contains("the result has more than 131072 characters", Refused(doubled), StringComparison.Ordinal);
        string many = "ENV a=" + new string('x', 60_000) + "\n" + string.Concat(Enumerable.Range(0, 40).Select(static i => $"ENV b{i}=$a\n"));
        Assert.Contains("all variables together have more than 2097152 characters", Refused(many), StringComparison.Ordinal);
        string deep = "ENV a=" + string.Concat(Enumerable.Repeat("${n:-", 60)) + new string('}', 60);
        Assert.Contains("more than 50 braces are inside each other", Refused(deep), StringComparison.Ordinal);
        string heavy = "ENV a=" + new string('x', 60_000) + "\nENV b=${a//" + string.Concat(Enumerable.Repeat("*x", 500)) + "y/z}";
        Assert.Contains("steps to put in", Refused(heavy), StringComparison.Ordinal);
        Assert.Contains("EXPOSE names more than 196608 ports", Refused("EXPOSE" + string.Concat(Enumerable.Repeat(" 0-65535", 4))), StringComparison.Ordinal);
        Assert.Contains("more than 10000 variables are set", Refused(string.Concat(Enumerable.Range(0, 11).Select(static l => "ENV" + string.Concat(Enumerable.Range(0, 1000).Select(i => $" v{l}_{i}=")) + "\n"))), StringComparison.Ordinal);
    }

    private static string Refused(string body) => Assert.Throws<DockerfileException>(() => TestFile.Expand(TestFile.Read("FROM img\n" + body))).Message;

    private static ExpandedWord Expand(string word, char escape = '\\') => new WordExpander(escape, Variables.GetValueOrDefault, new ExpansionBudget()).Expand(word);
}
