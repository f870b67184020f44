using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Api;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Flags;

namespace Berth.Cli.Tests.Commands;

/// <summary>The create request of a command line beside the one that the stock CLI sends (Golden/create-requests.txt: <c>$</c> and the flags, then its request).</summary>
public sealed class CreateRequestTests
{
    [Fact]
    public void Requests_are_those_of_the_stock_CLI()
    {
        var differences = new List<string>();
        string[] lines = Golden.Lines("create-requests");
        for (int i = 0; i + 1 < lines.Length; i += 2)
        {
            string[] arguments = lines[i].Length == 2 ? [] : lines[i][2..].Split('¦');
            var flags = new FlagSet { Interspersed = false };
            var container = new ContainerFlags(flags);
            List<string> operands = flags.Parse([.. arguments, "img", "arg", "-x"]);
            JsonNode own = JsonSerializer.SerializeToNode(container.ToRequest(operands), ApiJson.Context.ContainerCreateRequest)!; // a record is no null
            Compare(lines[i], "", JsonNode.Parse(lines[i + 1]), own, differences);
        }

        Assert.True(lines.Length > 40);
        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    [Theory]
    [InlineData("--mount", "type=bind,\"dst=/a", "extraneous or missing \" in quoted-field")]
    [InlineData("--network", "name=a,bogus=1", "invalid field key bogus")]
    [InlineData("--network", "alias=a", "network name/id is not specified")]
    [InlineData("--mount", "type=bind,dst=/a,bind-recursive=x", "invalid value for bind-recursive")]
    [InlineData("--mount", "type=bind,src=/a,dst=/b,bind-recursive=writable", "option 'bind-recursive=writable' requires 'readonly'")]
    [InlineData("--mount", "type=bind,src=/a,dst=/b,bind-recursive=readonly", "option 'bind-recursive=readonly' requires 'readonly'")]
    [InlineData("--mount", "type=bind,src=/a,dst=/b,ro,bind-recursive=readonly", "requires 'bind-propagation=rprivate'")]
    [InlineData("--mount", "type=volume,src=a,dst=/b,bind-propagation=shared", "cannot mix 'bind-*' options with mount type 'volume'")]
    [InlineData("--gpus", "count=1,count=2", "only once")]
    [InlineData("--stop-timeout", "99999999999", "value out of range")]
    public void Malformed_values_are_refused(string flag, string value, string because)
    {
        var flags = new FlagSet { Interspersed = false };
        _ = new ContainerFlags(flags);
        Assert.Contains(because, Assert.Throws<FlagValueException>(() => flags.Parse([flag, value, "img"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--network", "a", "--network", "a", "network \"a\" is specified multiple times")]
    [InlineData("--network", "a", "--network", "host", "cannot attach both user-defined and non-user-defined network-modes")]
    [InlineData("--network", "name=a,ip=1.1.1.1", "--ip", "2.2.2.2", "cannot specify both --ip and per-network IPv4 address")]
    public void Contradictions_are_refused(string flag, string value, string otherFlag, string otherValue, string because)
    {
        var flags = new FlagSet { Interspersed = false };
        var container = new ContainerFlags(flags);
        List<string> operands = flags.Parse([flag, value, otherFlag, otherValue, "img"]);
        Assert.Contains(because, Assert.Throws<CommandFailedException>(() => container.ToRequest(operands)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(":/y", "invalid spec: :/y: empty section between colons")]
    [InlineData("/a:", "invalid spec: /a:: empty section between colons")]
    [InlineData("/a:/b:ro:x", "invalid spec: /a:/b:ro:x: too many colons")]
    [InlineData("", "invalid empty volume spec")]
    public void Volumes_that_are_none_are_refused(string value, string because)
    {
        var flags = new FlagSet { Interspersed = false };
        var container = new ContainerFlags(flags);
        List<string> operands = flags.Parse(["-v", value, "img"]);
        Assert.Equal(because, Assert.Throws<CommandFailedException>(() => container.ToRequest(operands)).Message);
    }

    [Theory]
    [InlineData("./a:/b:ro", "/a:/b:ro")]
    [InlineData(".:/b", ":/b")]
    public void Paths_of_the_working_folder_are_made_absolute(string value, string rest)
    {
        var flags = new FlagSet { Interspersed = false };
        var container = new ContainerFlags(flags);
        List<string> operands = flags.Parse(["-v", value, "img"]);
        Assert.Equal([Environment.CurrentDirectory + rest], container.ToRequest(operands).HostConfig!.Binds!); // both are always set here
    }

    private static void Compare(string line, string path, JsonNode? wanted, JsonNode? got, List<string> differences)
    {
        if (wanted is JsonObject left && got is JsonObject right)
        {
            foreach (string name in left.Select(member => member.Key).Union(right.Select(member => member.Key)))
                Compare(line, path + "." + name, left[name], right[name], differences);
        }
        else if (!JsonNode.DeepEquals(wanted, got))
        {
            differences.Add($"{line}\n  {path}: wanted {wanted?.ToJsonString() ?? "null"}, got {got?.ToJsonString() ?? "null"}");
        }
    }
}
