using Berth.Cli.Flags;
using Berth.Cli.Terminal;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth save</c>.</summary>
internal static class SaveCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var platforms = new List<string>();
        var since = new List<string>();
        string output = "";
        flags.Text("output", 'o', "Write to a file, instead of STDOUT", value => output = value);
        flags.List("platform", null, "Save only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")", platforms, type: "string");
        flags.Texts("since", "Leave out the layers of these images, which the loading host has: a delta, which its load completes", since);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] IMAGE [IMAGE...]",
            Summary = "Save one or more images to a tar archive (streamed to STDOUT by default)",
            Aliases = ["image save", "save"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = (context, images) =>
                ArchiveOutput.ReceiveAsync(context, output, "failed to save image", () => context.Client.SaveImagesAsync(images, [.. platforms.Select(Values.Platform)], since)),
        };
    }
}
