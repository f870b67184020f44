using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth image pin</c> and <c>unpin</c>, which docker does not have: what no eviction takes.</summary>
internal static class ImagePinCommand
{
    public static Command Create(string path, bool isPin) => new()
    {
        Path = path,
        Usage = isPin ? "[IMAGE...]" : "IMAGE [IMAGE...]",
        Summary = isPin ? "Keep images from being evicted, or list those that are kept" : "Let images be evicted again",
        Flags = new FlagSet(),
        Arguments = ArgumentCount.AtLeast(isPin ? 0 : 1),
        RunAsync = (context, images) => RunAsync(context, images, isPin),
    };

    private static async Task<int> RunAsync(CliContext context, IReadOnlyList<string> images, bool isPin)
    {
        foreach (string pin in images.Count == 0 ? await context.Client.ListImagePinsAsync() : [])
            context.Out.WriteLine(pin);

        foreach (string image in images)
        {
            context.Out.WriteLine(await context.Client.PinImageAsync(image, isPin));
            context.Out.Flush();
        }

        return 0;
    }
}
