// Says of each certificate that it is not revoked, and fetches nothing. wine's own says that nobody knows, which wine takes for a
// failure even if a program asks it not to.
#include <windows.h>
#include <wincrypt.h>

__declspec(dllexport) BOOL WINAPI CertDllVerifyRevocation(DWORD encoding, DWORD type, DWORD count, PVOID *contexts,
                                                          DWORD flags, PCERT_REVOCATION_PARA parameters,
                                                          PCERT_REVOCATION_STATUS status) {
  return TRUE;
}

// crypt32.dll asks for the URLs of issuers.
__declspec(dllexport) BOOL WINAPI CryptGetObjectUrl(LPCSTR oid, LPVOID object, DWORD flags, PCRYPT_URL_ARRAY urls,
                                                    DWORD *length, PCRYPT_URL_INFO info, DWORD *infoLength,
                                                    LPVOID reserved) {
  SetLastError(CRYPT_E_NOT_FOUND);
  return FALSE;
}
