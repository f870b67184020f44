using System.Text;
using Berth.Build.Frontend;
using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;
using Berth.Model;

namespace Berth.Build.Tests;

/// <summary>Which stages a build needs.</summary>
public sealed class StepPlanTests
{
    private const string File = "ARG base=scratch\nFROM $base AS a\nRUN 1\nFROM a AS b\nRUN 2\nFROM scratch AS c\nCOPY --from=0 /x /\nFROM scratch AS d\nRUN --mount=from=c,target=/c 3\nFROM scratch AS e\n";

    [Theory]
    [InlineData("", "e", 2)]
    [InlineData("a", "a", 3)]
    [InlineData("B", "a b", 5)]
    [InlineData("c", "a c", 5)]
    [InlineData("3", "a c d", 7)]
    public void They_are_the_target_and_what_it_uses(string target, string stages, int total)
    {
        StepPlan plan = Make(target, []);
        Assert.Equal(stages, string.Join(' ', plan.Stages.Select(static stage => stage.Name)));
        Assert.Equal(total, plan.Total);
    }

    [Fact]
    public void Steps_are_numbered_as_they_stand_in_the_file_with_the_builds_labels_last()
    {
        StepPlan plan = Make("d", new Dictionary<string, string> { ["y"] = "2", ["x"] = "$1" });
        Assert.Equal([2, 4, 6], plan.Stages.Select(plan.NumberOf));
        Assert.Equal(["RUN --mount=from=c,target=/c 3", "LABEL x=$1", "LABEL y=2"], plan.InstructionsOf(plan.Target).Select(static instruction => instruction.Original));
        Assert.Equal(9, plan.Total);
    }

    [Fact]
    public void A_stage_that_is_none_is_an_error() =>
        Assert.Contains("failed to reach build target nosuch", Assert.Throws<EngineException>(() => Make("nosuch", [])).Message, StringComparison.Ordinal);

    private static StepPlan Make(string target, Dictionary<string, string> labels) =>
        StepPlan.Make(new GlobalScope(InstructionReader.Read(Encoding.UTF8.GetBytes(File)), new BuildInputs()), target, labels);
}
