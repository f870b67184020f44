using Berth.Engine.Images;
using Berth.Model.Oci.Image;

namespace Berth.Engine.Tests.Images;

public sealed class ContainerCommitTests
{
    private static readonly ImageRunConfig Own = new()
    {
        User = "me",
        Env = ["PATH=/bin", "A=1"],
        Cmd = ["sleep", "1"],
        WorkingDir = "/w",
        Labels = new Dictionary<string, string>(StringComparer.Ordinal) { ["a"] = "1", ["b"] = "2" },
    };

    [Fact]
    public void What_is_left_open_is_the_containers()
    {
        ImageRunConfig merged = ContainerCommit.Merge(new ImageRunConfig(), Own);
        Assert.Equal("me", merged.User);
        Assert.Equal(["PATH=/bin", "A=1"], merged.Env!);
        Assert.Equal(["sleep", "1"], merged.Cmd!);
        Assert.Equal("/w", merged.WorkingDir);
    }

    [Fact]
    public void Variables_and_labels_are_added_one_by_one()
    {
        var wanted = new ImageRunConfig { Env = ["A=2", "Z=1"], Labels = new Dictionary<string, string>(StringComparer.Ordinal) { ["a"] = "9" } };
        ImageRunConfig merged = ContainerCommit.Merge(wanted, Own);
        Assert.Equal(["A=2", "Z=1", "PATH=/bin"], merged.Env!);
        Assert.Equal("9", merged.Labels!["a"]);
        Assert.Equal("2", merged.Labels["b"]);
    }

    [Fact]
    public void The_command_belongs_to_its_entrypoint()
    {
        Assert.Null(ContainerCommit.Merge(new ImageRunConfig { Entrypoint = ["/new"] }, Own).Cmd);
        Assert.Equal(["sleep", "1"], ContainerCommit.Merge(new ImageRunConfig { Cmd = [] }, Own).Cmd!);
        Assert.Equal(["x"], ContainerCommit.Merge(new ImageRunConfig { Cmd = ["x"] }, Own).Cmd!);
    }
}
