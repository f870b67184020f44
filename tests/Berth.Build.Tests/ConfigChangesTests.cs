using System.Text;
using System.Text.Json;
using Berth.Build.Frontend;
using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;
using Berth.Model.Oci.Image;

namespace Berth.Build.Tests;

/// <summary>What instructions do to an image's configuration, and how the history tells it.</summary>
public sealed class ConfigChangesTests
{
    [Theory]
    [InlineData("ENV a=1 b=\"c d\"", "ENV a=1 b=c d")]
    [InlineData("LABEL x=1", "LABEL x=1")]
    [InlineData("ARG v=1", "ARG v=1")]
    [InlineData("ARG w", "ARG w")]
    [InlineData("WORKDIR x/../y", "WORKDIR /y")]
    [InlineData("USER me:you", "USER me:you")]
    [InlineData("VOLUME /a /b", "VOLUME [/a /b]")]
    [InlineData("EXPOSE 90 80/udp", "EXPOSE 80/udp 90")]
    [InlineData("STOPSIGNAL SIGINT", "STOPSIGNAL SIGINT")]
    [InlineData("CMD echo \"x\"", "CMD [\"/bin/sh\" \"-c\" \"echo \\\"x\\\"\"]")]
    [InlineData("CMD [\"a\",\"b c\"]", "CMD [\"a\" \"b c\"]")]
    [InlineData("ENTRYPOINT [\"a\"]", "ENTRYPOINT [\"a\"]")]
    [InlineData("ENTRYPOINT []", "ENTRYPOINT []")]
    [InlineData("SHELL [\"/bin/ash\",\"-c\"]", "SHELL [/bin/ash -c]")]
    [InlineData("MAINTAINER me", "MAINTAINER me")]
    [InlineData("ONBUILD RUN x", "ONBUILD RUN x")]
    [InlineData("HEALTHCHECK --interval=90s --retries=3 CMD true", "HEALTHCHECK &{[\"CMD-SHELL\" \"true\"] \"1m30s\" \"0s\" \"0s\" '\\x03'}")]
    public void The_history_has_dockers_words(string instruction, string words)
    {
        Instruction read = Read(instruction);
        Assert.Equal(words, ConfigChanges.Describe(ConfigChanges.Apply(new ImageRunConfig(), read, setsCommand: false), read));
    }

    [Fact]
    public void A_variable_takes_the_place_of_an_earlier_one() =>
        Assert.Equal(["PATH=/bin", "a=2", "b=1"], ConfigChanges.Apply(new ImageRunConfig { Env = ["PATH=/bin", "a=1", "b=1"] }, Read("ENV a=2"), setsCommand: false).Env);

    [Fact]
    public void An_entrypoint_takes_away_a_command_that_was_not_set_beside_it()
    {
        var below = new ImageRunConfig { Cmd = ["x"] };
        Assert.Null(ConfigChanges.Apply(below, Read("ENTRYPOINT [\"e\"]"), setsCommand: false).Cmd);
        Assert.Equal(["x"], ConfigChanges.Apply(below, Read("ENTRYPOINT [\"e\"]"), setsCommand: true).Cmd);
    }

    [Fact]
    public void Triggers_are_kept_for_the_next_build_and_not_for_the_one_after()
    {
        ImageRunConfig config = ConfigChanges.Apply(ConfigChanges.Apply(new ImageRunConfig(), Read("ONBUILD RUN a"), false), Read("ONBUILD COPY b c"), false);
        Assert.Equal(["RUN a", "COPY b c"], ConfigChanges.TriggersOf(config));
        Assert.Empty(ConfigChanges.TriggersOf(ConfigChanges.WithoutTriggers(config)));
    }

    [Fact]
    public void What_an_image_says_wrongly_of_its_shell_counts_as_nothing()
    {
        var config = new ImageRunConfig { Other = new Dictionary<string, JsonElement> { ["Shell"] = JsonDocument.Parse("{\"a\":1}").RootElement } };
        Assert.Equal(["/bin/sh", "-c"], ConfigChanges.ShellOf(config));
    }

    private static Instruction Read(string instruction)
    {
        ParsedDockerfile file = InstructionReader.Read(Encoding.UTF8.GetBytes("FROM scratch\n" + instruction + "\n"));
        var scope = new StageScope(new GlobalScope(file, new BuildInputs()), new Dictionary<string, string>());
        return scope.Expand(file.Stages[0].Instructions[0]);
    }
}
