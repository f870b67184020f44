using Berth.Api;
using Berth.Cli.Registries;
using Berth.Cli.Terminal;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli.Commands.Registries;

/// <summary>Fetching an image, for <c>pull</c>, <c>run</c> and <c>create</c>.</summary>
internal static class ImageFetch
{
    /// <summary>Fetches a tag or digest with the user's credentials; without either, all tags.</summary>
    /// <exception cref="CommandFailedException">The fetch failed on its way.</exception>
    /// <exception cref="EngineException">The daemon refused.</exception>
    public static async Task RunAsync(CliContext context, ImageReference image, string? platform, ProgressDisplay display)
    {
        RegistryAuth? auth = RegistryCredentials.Of(context, image);
        await context.Client.PullImageAsync(
            new ImagePullOptions { Repository = image.Repository, Tag = image.Digest.IsEmpty ? image.Tag : image.Digest.ToString(), Platform = platform, Auth = auth },
            display.Show);
    }
}
