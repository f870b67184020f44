using Berth.Dockerfile;
using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Tests.Dockerfile;

public sealed class InstructionTests
{
    [Theory]
    [InlineData("RUN a b", "a b", true)]
    [InlineData("run  a \\\n  b", "a   b", true)]
    [InlineData("RUN a \\\n# comment\n  # another\n b", "a  b", true)]
    [InlineData("RUN a \\\n\n b", "a  b", true)]
    [InlineData("RUN a \\  \nb", "a b", true)]
    [InlineData("RUN a \\\\\n", "a \\\\", true)]
    [InlineData("RUN a\r\n", "a", true)]
    [InlineData("RUN [\"a\", \"b c\"]", "a|b c", false)]
    [InlineData("RUN [ \"a\\u0041\" ]", "aA", false)]
    [InlineData("RUN [\"a\"", "[\"a\"", true)]
    [InlineData("RUN ['a']", "['a']", true)]
    [InlineData("RUN [\"a\"] x", "[\"a\"] x", true)]
    [InlineData("RUN # no comment", "# no comment", true)]
    [InlineData("RUN -- --x", "--x", true)]
    public void ACommandIsRead(string text, string words, bool isShell)
    {
        CommandLine command = TestFile.One<RunInstruction>(text).Command;
        Assert.Equal((words, isShell), (string.Join('|', command.Words), command.IsShell));
    }

    [Theory]
    [InlineData("RUN <<EOF\na\n b\nEOF", "a\n b\n")]
    [InlineData("RUN <<-EOF\n\ta\n\tEOF", "a\n")]
    [InlineData("RUN <<'E F'\n$a\nE F", "$a\n")]
    [InlineData("RUN cat <<A 3<<B > x\n1\nA\n2\nB", "cat <<A 3<<B > x\n1\nA\n2\nB")]
    [InlineData("RUN a <<<b", "a <<<b")]
    [InlineData("RUN echo \"<<A\"", "echo \"<<A\"")]
    [InlineData("RUN <<EOF\n# a\nRUN b \\\nEOF", "# a\nRUN b \\\n")]
    public void AHeredocGoesToTheShell(string text, string shellText) => Assert.Equal(shellText, TestFile.One<RunInstruction>(text).Command.ToShellText());

    [Fact]
    public void AScriptMayNameItsInterpreter() => Assert.True(TestFile.One<RunInstruction>("RUN <<E\n#!/bin/x\nE").Command.HasInterpreter);

    [Fact]
    public void HeredocsBecomeFiles()
    {
        CopyInstruction copy = TestFile.One<CopyInstruction>("COPY --chmod=600 a <<X <<-\"Y\" /d/\nx\nX\n\ty\n\tY");
        Assert.Equal(["a"], copy.Sources);
        Assert.Equal([new InlineFile("X", "x\n", true), new InlineFile("Y", "y\n", false)], copy.Files);
        Assert.Equal(new SourceRange(2, 6), copy.Range);
        Assert.Equal("unterminated heredoc", ErrorTests.Refused("FROM a\nRUN <<E\nx").Reason);
    }

    [Fact]
    public void CopyAndAddHaveTheirFlags()
    {
        CopyInstruction copy = TestFile.One<CopyInstruction>("COPY --from=x --chown=a:b --link --parents=false --exclude=*.a --exclude='b c' [\"s p\", \"/d\"]");
        Assert.Equal("x a:b True False *.a|b c s p /d", $"{copy.From} {copy.Chown} {copy.Link} {copy.Parents} {string.Join('|', copy.Excludes)} {string.Join('|', copy.Sources)} {copy.Destination}");
        AddInstruction add = TestFile.One<AddInstruction>("ADD --checksum=sha256:1 --keep-git-dir --unpack=false --chmod=u+x a b");
        Assert.Equal("sha256:1 True False u+x", $"{add.Checksum} {add.KeepGitDir} {add.Unpack} {add.Chmod}");
    }

    [Theory]
    [InlineData("target=/x", "Bind // /x True Shared")]
    [InlineData("type=bind,from=a,src=/s,dst=/x,rw", "Bind a//s /x False Shared")]
    [InlineData("type=cache,target=/x,id=c,sharing=LOCKED,mode=0755,uid=1,gid=2", "Cache // /x False Locked id=c mode=493 1:2")]
    [InlineData("type=tmpfs,target=/x,size=1.5k", "Tmpfs // /x False Shared size=1536")]
    [InlineData("type=secret,id=s,env=E,required", "Secret //  True Shared id=s env=E required")]
    [InlineData("\"type=secret\",required=true,id=s", "Secret //  True Shared id=s required")]
    [InlineData("type=ssh,ro=false", "Ssh //  False Shared")]
    public void AMountIsRead(string text, string expected)
    {
        RunMount mount = RunMount.Parse(text, static word => word, default)!;
        string shown = $"{mount.Kind} {mount.From}/{(mount.Source is { } source && source.StartsWith('/') ? source : "/" + mount.Source)} {mount.Target} {mount.IsReadOnly} {mount.Sharing}"
            + (mount.Id is null ? "" : $" id={mount.Id}") + (mount.Mode is null ? "" : $" mode={mount.Mode}") + (mount.Uid is null ? "" : $" {mount.Uid}:{mount.Gid}")
            + (mount.Size is null ? "" : $" size={mount.Size}") + (mount.Env is null ? "" : $" env={mount.Env}") + (mount.IsRequired ? " required" : "");
        Assert.Equal(expected, shown);
    }

    [Fact]
    public void StagesAreFound()
    {
        ParsedDockerfile file = TestFile.Read("ARG A\nFROM a AS One\nRUN x\nFROM --platform=p b\nFROM c AS one\n");
        Assert.Equal("one,,one", string.Join(',', file.Stages.Select(static stage => stage.Name)));
        Assert.Equal((2, 0, 1), (file.FindStage("ONE")!.Index, file.FindStage("one", before: 2)!.Index, file.FindStage("1")!.Index));
        Assert.Null(file.FindStage("9"));
        Assert.Null(file.FindStage("two"));
        Assert.Equal("A", file.GlobalArgs.Single().Args.Single().Name);
    }

    [Fact]
    public void TheRestIsRead()
    {
        IReadOnlyList<Instruction> all = TestFile.Body("""
            ARG a b=1 c="x y"
            LABEL a=1 "b c"="d e"
            MAINTAINER me and you
            EXPOSE 90 80/udp
            VOLUME /a /b
            SHELL ["sh", "-ec"]
            HEALTHCHECK --interval=1m30s --timeout=5s --start-period=1h --start-interval=2s --retries=4 CMD a b
            HEALTHCHECK none
            ONBUILD RUN <<E
            x
            E
            CMD []
            """);
        Assert.Equal([new ArgDefinition("a", null), new ArgDefinition("b", "1"), new ArgDefinition("c", "\"x y\"")], ((ArgInstruction)all[0]).Args);
        Assert.Equal([new KeyValue("a", "1"), new KeyValue("\"b c\"", "\"d e\"")], ((LabelInstruction)all[1]).Labels);
        Assert.Equal("me and you", ((MaintainerInstruction)all[2]).Name);
        Assert.Equal(["80/udp", "90"], ((ExposeInstruction)all[3]).Specs);
        Assert.Equal(["/a", "/b"], ((VolumeInstruction)all[4]).Paths);
        var health = (HealthcheckInstruction)all[6];
        Assert.Equal((TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(5), TimeSpan.FromHours(1), TimeSpan.FromSeconds(2), 4), (health.Interval, health.Timeout, health.StartPeriod, health.StartInterval, health.Retries));
        Assert.Equal(["CMD-SHELL", "a b"], health.Test);
        Assert.Equal(["NONE"], ((HealthcheckInstruction)all[7]).Test);
        Assert.Equal("RUN <<E\nx\nE", ((OnbuildInstruction)all[8]).Trigger);
        Assert.Equal("x\n", Assert.IsType<RunInstruction>(InstructionReader.ReadTrigger("RUN <<E\nx\nE")).Command.ToShellText());
        Assert.Empty(((CmdInstruction)all[9]).Command.Words);
    }

    [Theory]
    [InlineData("# escape=`\nFROM a\nRUN x `\n y", "x  y")]
    [InlineData("#Syntax=x\n# ESCAPE = ` \nFROM a\nRUN x `\n y", "x  y")]
    [InlineData("\n# escape=`\nFROM a\nRUN x `\n", "x `")] // behind an empty line it is a comment
    [InlineData("# a\n# escape=`\nFROM a\nRUN x `\n", "x `")]
    [InlineData("\uFEFF# escape=`\nFROM a\nRUN x `\n y", "x  y")]
    public void DirectivesStandAtTheTop(string file, string command) =>
        Assert.Equal(command, Assert.IsType<RunInstruction>(TestFile.Read(file).Stages[0].Instructions[0]).Command.Words[0]);

    [Fact]
    public void FilesHaveLimits()
    {
        var limits = new DockerfileLimits { MaxFileBytes = 100, MaxLineBytes = 50, MaxInstructions = 3, MaxHeredocs = 1 };
        Assert.Contains("at most 100", Refused(new string('x', 101)), StringComparison.Ordinal);
        Assert.Contains("dockerfile line greater than max allowed size of 50", Refused("FROM " + new string('x', 50)), StringComparison.Ordinal);
        Assert.Contains("more than 3 instructions", Refused("FROM a\nRUN a\nRUN a\nRUN a\n"), StringComparison.Ordinal);
        Assert.Contains("more than 1 here-documents", Refused("FROM a\nRUN <<A <<B\nA\nB\n"), StringComparison.Ordinal);
        Assert.Contains("line 2 contains a NUL character", Refused("FROM a\nRUN \0"), StringComparison.Ordinal);
        Assert.Contains("line 2 is not UTF-8", Assert.Throws<DockerfileException>(static () => InstructionReader.Read("FROM a\nRUN \xff"u8.ToArray().Append((byte)0xff).ToArray())).Message, StringComparison.Ordinal);

        string Refused(string text) => Assert.Throws<DockerfileException>(() => InstructionReader.Read(System.Text.Encoding.UTF8.GetBytes(text), limits: limits)).Message;
    }
}
