using Berth.Runtime.Host;

namespace Berth.Runtime.Users;

/// <summary>Docker's <c>user[:group]</c> as numbers, by the texts of a root file system's account files.</summary>
public static class AccountLookup
{
    /// <summary>Looks up <paramref name="user"/>; empty is root.</summary>
    /// <param name="user">Name or number, with a group or without.</param>
    /// <param name="passwd">passwd(5); null when there is none.</param>
    /// <param name="group">group(5); null when there is none.</param>
    /// <param name="owner">User and primary group.</param>
    /// <param name="error">Why there is none, for the user.</param>
    public static bool TryResolve(string user, string? passwd, string? group, out (uint Uid, uint Gid) owner, out string error)
    {
        try
        {
            Identity identity = UserLookup.Resolve(user, passwd ?? "", () => group ?? "");
            (owner, error) = ((identity.Uid, identity.Gid), "");
            return true;
        }
        catch (ContainerStartException e)
        {
            (owner, error) = (default, e.Message);
            return false;
        }
    }
}
