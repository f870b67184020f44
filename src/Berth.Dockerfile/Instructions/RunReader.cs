using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Instructions;

/// <summary>RUN and its flags.</summary>
internal static class RunReader
{
    public static RunInstruction Read(InstructionNode node)
    {
        if (node.Flags.Any(static flag => flag == "--device" || flag.StartsWith("--device=", StringComparison.Ordinal)))
        {
            throw FlagReader.Wrong(node, "RUN --device is not supported: there are no devices in builds; leave the flag out");
        }

        var flags = new FlagReader(node, texts: ["network", "security"], repeated: ["mount"]);
        foreach (string mount in flags.GetAll("mount"))
        {
            _ = RunMount.Parse(mount, expand: null, node.Range);
        }

        if (node.Words.Count == 0)
        {
            throw FlagReader.Wrong(node, "RUN requires at least one argument");
        }

        return new RunInstruction(node, InstructionReader.Command(node))
        {
            MountTexts = flags.GetAll("mount"),
            Network = flags.GetText("network") switch
            {
                null or "default" => RunNetwork.Default,
                "none" => RunNetwork.None,
                "host" => RunNetwork.Host,
                var other => throw FlagReader.Wrong(node, $"unsupported network mode {QuotedText.Of(other)}"),
            },
            IsInsecure = flags.GetText("security") switch
            {
                null or "sandbox" => false,
                "insecure" => true,
                var other => throw FlagReader.Wrong(node, $"security {QuotedText.Of(other)} is not valid"),
            },
        };
    }
}
